"""Writes tests/golden/render/{textureless_wide,normal_inside,background_colour,background_mlp}.safetensors.

    python3 tests/oracle/render.py tests/golden/render [TRACE..]

Views of small random voxel fields with shading, normals, orientation and backgrounds, in float64, and gradients by PyTorch's autograd. Interpolation is
grid_sample's, and every sample lies in the graph: nothing here is shared with the renderer but the definitions in render/volume.h. A TRACE is
computed anew from its own inputs, and the largest relative error of its results is printed. Needs PyTorch 1.13; `make test` needs only the files.
"""
import math
import os
import sys

import torch

from tensors import load_tensors, save_tensors

STEP, EPS, AMBIENT, DIFFUSE = 0.01, 1e-6, 0.1, 0.9
PARTS = ("w1", "b1", "w2", "b2")


def field(grid, p):
    """grid (4,Z,Y,X), p (...,3) -> density (...), colour (...,3)"""
    raw = torch.nn.functional.grid_sample(grid[None], p.reshape(1, 1, 1, -1, 3), mode="bilinear", padding_mode="border", align_corners=True)
    raw = raw.reshape((4,) + p.shape[:-1])
    return torch.nn.functional.softplus(raw[0], threshold=1000), torch.sigmoid(raw[1:]).movedim(0, -1)


def density(grid, p):
    return torch.where((p.abs() <= 1).all(-1), field(grid, p)[0], torch.zeros((), dtype=p.dtype))


def length(v):
    """max(|v|, 1e-6), whose gradient is nothing where |v| is below"""
    square = (v * v).sum(-1, keepdim=True)
    return torch.where(square > EPS * EPS, square.clamp(min=EPS * EPS).sqrt(), torch.full_like(square, EPS))


def normals(grid, p):
    axes = STEP * torch.eye(3, dtype=p.dtype)
    slope = torch.stack([density(grid, p + e) - density(grid, p - e) for e in axes], -1) / (2 * STEP)
    return -slope / length(slope)


def camera(meta):
    e, a = (math.radians(float(meta[k])) for k in ("elevation", "azimuth"))
    back = torch.tensor([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)], dtype=torch.float64)
    right = torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), back)
    right = right / right.norm()
    return torch.stack([right, torch.linalg.cross(back, right), back, float(meta["distance"]) * back], 1)


def rays(c2w, meta):
    h, w = int(meta["h"]), int(meta["w"])
    focal = 0.5 * h / math.tan(0.5 * math.radians(float(meta["fovy"])))
    row, col = torch.meshgrid(torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij")
    local = torch.stack([(col + 0.5 - 0.5 * w) / focal, (0.5 * h - row - 0.5) / focal, -torch.ones_like(row)], -1)
    d = local @ c2w[:, :3].T
    return d / d.norm(dim=-1, keepdim=True)


def background(d, meta, x):
    kind = meta["background"]
    if kind == "colour":
        return torch.sigmoid(x["in.background"]).expand(d.shape)
    if kind != "mlp":
        return torch.tensor([float(v) for v in kind.split()], dtype=torch.float64).expand(d.shape)
    w1, b1, w2, b2 = (x["in.background." + part] for part in PARTS)
    code = [d]
    for k in range((w1.shape[1] - 3) // 6):
        code += [torch.sin(math.pi * 2 ** k * d), torch.cos(math.pi * 2 ** k * d)]
    return torch.sigmoid(torch.relu(torch.cat(code, -1) @ w1.T + b1) @ w2.T + b2)


def shade(albedo, n, p, meta):
    kind = meta["shading"]
    if kind == "albedo":
        return albedo
    if kind == "normal":
        return (n + 1) / 2
    light = torch.tensor([float(v) for v in meta["light"].split()], dtype=torch.float64) - p
    lit = AMBIENT + DIFFUSE * torch.relu((n * light / length(light)).sum(-1, keepdim=True))
    return lit * (torch.ones_like(albedo) if kind == "textureless" else albedo)


def view(meta, x):
    c2w, samples = camera(meta), int(meta["samples"])
    d, o = rays(c2w, meta), c2w[:, 3]
    a, b = (-1 - o) / d, (1 - o) / d
    near, far = torch.minimum(a, b).amax(-1).clamp(min=0), torch.maximum(a, b).amin(-1)
    hit = far > near
    u = x.get("in.jitter", torch.tensor(0.5, dtype=torch.float64))
    delta = torch.where(hit, far - near, torch.zeros_like(far)) / samples
    t = near[..., None] + (torch.arange(samples, dtype=torch.float64) + u) * delta[..., None]
    t = torch.where(hit[..., None], t, torch.zeros_like(t))
    p = o + t[..., None] * d[..., None, :]
    sigma, albedo = field(x["in.grid"], p)
    alpha = 1 - torch.exp(-sigma * delta[..., None])
    clear = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha], -1), -1)[..., :-1]
    w = clear * alpha
    opacity, depth = w.sum(-1), (w * t).sum(-1)
    v = w / opacity.clamp(min=1e-5)[..., None]
    mean = (v * t).sum(-1, keepdim=True)
    out = {"opacity": opacity, "depth": depth, "z_variance": (v * (t - mean) ** 2).sum(-1)}
    n = normals(x["in.grid"], p) if meta["shading"] != "albedo" or any("in.cotangent." + k in x for k in ("normal", "orientation")) else None
    if n is not None:
        out["normal"] = (w[..., None] * n).sum(-2)
        out["orientation"] = (w.detach() * torch.relu((n * d[..., None, :]).sum(-1)) ** 2).sum(-1)
    colour = shade(albedo, n, p, meta)
    out["rgb"] = (w[..., None] * colour).sum(-2) + (1 - opacity)[..., None] * background(d, meta, x)
    return c2w, d, out


def results(meta, x):
    leaves = {k: v.clone().requires_grad_() for k, v in x.items() if k == "in.grid" or k.startswith("in.background")}
    c2w, d, out = view(meta, {**x, **leaves})
    total = sum((x["in.cotangent." + k] * v).sum() for k, v in out.items() if "in.cotangent." + k in x)
    grads = torch.autograd.grad(total, list(leaves.values()))
    y = {"out.c2w": c2w, "out.ray_d": d, **{"out." + k: v.detach() for k, v in out.items()}}
    return {**y, **{k.replace("in.", "out.grad."): g for k, g in zip(leaves, grads)}}


def make(folder, name, seed, shading, view, h, w, outputs, jitter=False, background="0.2 0.5 0.8", light="1.5 -2 2.5"):
    draw = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, generator=draw, dtype=torch.float64)
    samples, kind = 11, background.split()[0]
    meta = dict(zip(("elevation", "azimuth", "distance", "fovy"), (str(v) for v in view)))
    meta.update(format="sdref-trace-1", kind="render", field="voxel", shading=shading, h=str(h), w=str(w), samples=str(samples), background=background,
                made_with=f"PyTorch {torch.__version__} autograd, float64")
    if shading in ("lambertian", "textureless"):
        meta["light"] = light
    x = {"in.grid": 1.5 * normal(4, 5, 4, 6)}
    if jitter:
        x["in.jitter"] = torch.rand(h, w, samples, generator=draw, dtype=torch.float64)
    if kind == "colour":
        x["in.background"] = normal(3)
    if kind == "mlp":
        shapes = ((16, 3 + 6 * 2), (16,), (3, 16), (3,))
        x.update({"in.background." + part: 0.5 * normal(*shape) for part, shape in zip(PARTS, shapes)})
    for k in outputs:
        x["in.cotangent." + k] = normal(h, w, 3) if k in ("rgb", "normal") else normal(h, w)
    x = {k: v.float().double() for k, v in x.items()}                           # the same numbers in either program
    save_tensors(os.path.join(folder, name + ".safetensors"), {**x, **results(meta, x)}, meta)


def again(path):
    x, meta = load_tensors(path)
    ours = results(meta, {k: v for k, v in x.items() if k.startswith("in.")})
    worst = max((((ours[k] - x[k]).norm() / x[k].norm()).item(), k) for k in x if k.startswith("out."))
    print(f"{path}: {worst[0]:.2g} ({worst[1]})")


def main(folder, traces):
    for path in traces:
        again(path)
    if traces:
        return
    all_six = ("rgb", "opacity", "depth", "z_variance", "normal", "orientation")
    make(folder, "textureless_wide", 1, "textureless", (8, -75, 1.6, 95), 5, 9, all_six, jitter=True)
    make(folder, "normal_inside", 2, "normal", (-20, 130, 0.6, 70), 7, 5, all_six)
    make(folder, "background_colour", 3, "lambertian", (30, 40, 2.2, 50), 5, 6, ("rgb", "orientation"), background="colour", light="-0.5 1 3")
    make(folder, "background_mlp", 4, "albedo", (-15, 200, 2.5, 60), 6, 7, ("rgb", "opacity", "depth", "z_variance"), jitter=True, background="mlp")


main(sys.argv[1], sys.argv[2:])
