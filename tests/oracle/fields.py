"""Writes tests/golden/render/{hashgrid_wide,mlp,sh}.safetensors.

    python3 tests/oracle/fields.py tests/golden/render

Views of small random fields in float64, gradients by PyTorch's autograd. Every ray and sample lies in the graph at once, hashes are remainders of whole
numbers, the sines are those of 2^k pi p as it stands, and harmonics come from the recurrences of Legendre functions: nothing here is shared with the renderer but the
definitions in render/*.h. Needs PyTorch 1.13; `make test` needs only the files.
"""
import math
import os
import sys

import torch

from tensors import save_tensors

OUTPUTS = {"rgb": 3, "opacity": 0, "depth": 0, "z_variance": 0}


def draw(g, *shape):
    return torch.randn(shape, generator=g, dtype=torch.float32).double()


# ------------------------------------------------------------------------------------------------------------ fields
def corners(u, cells):
    """u (...,3) in [0,1] -> integer nodes (8,...,3), weights (8,...) of the cell about it"""
    g = u * cells
    i = torch.minimum(g.floor(), cells - torch.ones_like(g))
    f = g - i
    steps = torch.tensor([[c & 1, c >> 1 & 1, c >> 2] for c in range(8)]).reshape((8,) + (1,) * (u.dim() - 1) + (3,))
    return i.long()[None] + steps, torch.where(steps == 1, f[None], 1 - f[None]).prod(-1)


def hash_entry(nodes, cells, table):
    x, y, z = nodes.unbind(-1)                   # below 2^24, so that the products are whole numbers of 64 bits
    if (cells + 1) ** 3 <= table:
        return x + (cells + 1) * (y + (cells + 1) * z)
    return (x ^ (y * 2654435761 % 2 ** 32) ^ (z * 805459861 % 2 ** 32)) % table


def hash_encoding(x, meta, p):
    u, features = ((p + 1) / 2).clamp(0, 1), []
    for level in range(int(meta["hash_levels"])):
        cells = math.floor(int(meta["hash_base"]) * float(meta["hash_growth"]) ** level)
        nodes, w = corners(u, torch.full((), float(cells), dtype=u.dtype))
        features.append((w[..., None] * x["in.table"][level][hash_entry(nodes, cells, int(meta["hash_table"]))]).sum(0))
    return torch.cat(features, -1)


def sine_encoding(x, meta, p):
    frequencies = (x["in.w1"].shape[1] - 3) // 6
    waves = [f(2.0 ** k * math.pi * p) for k in range(frequencies) for f in (torch.sin, torch.cos)]
    return torch.cat([p] + waves, -1)


def network(x, e):
    last = max(int(k[4:]) for k in x if k.startswith("in.w"))
    for k in range(1, last + 1):
        e = torch.nn.functional.linear(e, x[f"in.w{k}"], x[f"in.b{k}"])
        e = torch.relu(e) if k < last else e
    return e


def harmonics(d, degree):
    """Real spherical harmonics with the Condon-Shortley phase, m = -l .. l"""
    theta, phi = torch.acos(d[..., 2]), torch.atan2(d[..., 1], d[..., 0])
    c, s = torch.cos(theta), torch.sin(theta)
    legendre = {(0, 0): torch.ones_like(c)}
    for l in range(1, degree + 1):
        legendre[l, l] = -(2 * l - 1) * s * legendre[l - 1, l - 1]
        legendre[l, l - 1] = (2 * l - 1) * c * legendre[l - 1, l - 1]
        for m in range(l - 1):
            legendre[l, m] = ((2 * l - 1) * c * legendre[l - 1, m] - (l + m - 1) * legendre[l - 2, m]) / (l - m)
    Y = []
    for l in range(degree + 1):
        for m in range(-l, l + 1):
            k = abs(m)
            scale = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - k) / math.factorial(l + k) * (1 if m == 0 else 2))
            Y.append(scale * legendre[l, k] * (torch.sin(k * phi) if m < 0 else torch.cos(k * phi)))
    return torch.stack(Y, -1)


def grid_sh(x, meta, p, d):
    grid = x["in.sh"]
    degree = {4: 0, 13: 1, 28: 2}[grid.shape[3]]
    cells = torch.tensor([grid.shape[2] - 1, grid.shape[1] - 1, grid.shape[0] - 1], dtype=p.dtype)
    nodes, w = corners(((p + 1) / 2).clamp(0, 1), cells)
    value = (w[..., None] * grid[nodes[..., 2], nodes[..., 1], nodes[..., 0]]).sum(0)
    colour = (value[..., 1:].reshape(value.shape[:-1] + (3, -1)) * harmonics(d, degree)[..., None, :]).sum(-1)
    return torch.cat([value[..., :1], colour], -1)


def raw_of(x, meta, p, d):
    if meta["field"] == "sh":
        return grid_sh(x, meta, p, d)
    return network(x, encoding_of(x, meta, p))


def encoding_of(x, meta, p):
    return hash_encoding(x, meta, p) if meta["field"] == "hashgrid" else sine_encoding(x, meta, p)


# ------------------------------------------------------------------------------------------------------------ a view
def camera(meta):
    e, a, r = math.radians(float(meta["elevation"])), math.radians(float(meta["azimuth"])), float(meta["distance"])
    back = [math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]
    right, up = [-math.sin(a), math.cos(a), 0.0], [-math.sin(e) * math.cos(a), -math.sin(e) * math.sin(a), math.cos(e)]
    return torch.tensor([right, up, back, [r * b for b in back]], dtype=torch.float64).T


def rays(c2w, meta):
    h, w = int(meta["h"]), int(meta["w"])
    focal = 0.5 * h / math.tan(math.radians(float(meta["fovy"])) / 2)
    d = torch.zeros(h, w, 3, dtype=torch.float64)
    for row in range(h):
        for col in range(w):
            v = c2w[:, :3] @ torch.tensor([(col + 0.5 - w / 2) / focal, (h / 2 - row - 0.5) / focal, -1.0], dtype=torch.float64)
            d[row, col] = v / v.norm()
    return d


def view(x, meta):
    c2w = camera(meta)
    d, o, N = rays(c2w, meta), c2w[:, 3], int(meta["samples"])
    a, b = (-1 - o) / d, (1 - o) / d
    near, far = torch.minimum(a, b).amax(-1).clamp(min=0), torch.maximum(a, b).amin(-1)
    hit = near < far
    delta = torch.where(hit, (far - near) / N, torch.zeros_like(far))
    u = x.get("in.jitter", torch.full(hit.shape + (N,), 0.5, dtype=torch.float64))
    t = near[..., None] + (torch.arange(N) + u) * delta[..., None]
    p = o + t[..., None] * d[..., None, :]
    raw = raw_of(x, meta, p, d[..., None, :].expand(p.shape))
    alpha = 1 - torch.exp(-torch.logaddexp(raw[..., 0], torch.zeros(())) * delta[..., None])
    through = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha[..., :-1]], -1), -1)
    w = through * alpha
    opacity, depth = w.sum(-1), (w * t).sum(-1)
    v = w / opacity.clamp(min=1e-5)[..., None]
    z = (v * (t - (v * t).sum(-1, keepdim=True)) ** 2).sum(-1)
    background = torch.tensor([float(s) for s in meta["background"].split()], dtype=torch.float64)
    rgb = (w[..., None] * torch.sigmoid(raw[..., 1:])).sum(-2) + (1 - opacity)[..., None] * background
    return {"out.c2w": c2w, "out.ray_d": d, "out.rgb": rgb, "out.opacity": opacity, "out.depth": depth, "out.z_variance": z}, int((~hit).sum())


def make(folder, name, seed, where, sizes, samples, jitter, theta, more):
    g = torch.Generator().manual_seed(seed)
    h, w = sizes
    meta = dict(zip(("elevation", "azimuth", "distance", "fovy"), (str(v) for v in where)))
    meta.update(format="sdref-trace-1", kind="render", shading="albedo", made_with="PyTorch 1.13.1 autograd, float64", h=str(h), w=str(w),
                samples=str(samples), background="0.2 0.5 0.8", **more)
    x = {f"in.{k}": v(g).requires_grad_() for k, v in theta.items()}
    inputs = {f"in.cotangent.{k}": draw(g, h, w, *([n] if n else [])) for k, n in OUTPUTS.items()}
    if jitter:
        inputs["in.jitter"] = torch.rand((h, w, samples), generator=g, dtype=torch.float32).double()
    out, missed = view({**x, **inputs}, meta)
    sum((inputs[f"in.cotangent.{k}"] * out[f"out.{k}"]).sum() for k in OUTPUTS).backward()
    if meta["field"] != "sh":
        inputs["in.points"] = (2 * torch.rand((20, 3), generator=g, dtype=torch.float32) - 1).double()
        out["out.encoding"] = encoding_of(x, meta, inputs["in.points"])
    grads = {k.replace("in.", "out.grad."): v.grad for k, v in x.items()}
    save_tensors(os.path.join(folder, name + ".safetensors"), {**x, **inputs, **out, **grads}, meta)
    print(f"{name}: {missed} of {h * w} rays miss, opacity {out['out.opacity'].mean():.3f}")


def layers(*width, scale=1.0):
    theta = {}
    for k in range(1, len(width)):
        theta[f"w{k}"] = lambda g, i=width[k - 1], o=width[k]: (scale * draw(g, o, i) / math.sqrt(i)).float().double()
        theta[f"b{k}"] = lambda g, o=width[k]: (0.3 * draw(g, o)).float().double()
    return theta


def main(folder):
    make(folder, "hashgrid_wide", 1, (8, -75, 1.6, 95), (5, 9), 11, True, {"table": lambda g: draw(g, 3, 128, 3), **layers(9, 13, 4)},
         {"field": "hashgrid", "hash_levels": "3", "hash_table": "128", "hash_features": "3", "hash_base": "3", "hash_growth": "1.9"})
    make(folder, "mlp", 2, (-20, 130, 2.2, 50), (7, 6), 12, True, layers(3 + 6 * 3, 13, 13, 4, scale=1.5), {"field": "mlp"})
    make(folder, "sh", 3, (35, 10, 1.4, 70), (6, 8), 13, False, {"sh": lambda g: draw(g, 3, 4, 2, 28)}, {"field": "sh"})


if __name__ == "__main__":
    main(sys.argv[1])
