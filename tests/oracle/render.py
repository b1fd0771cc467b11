"""Views of small random fields, and their gradients by PyTorch's autograd.

    python3 tests/oracle/render.py golden tests/golden/render   writes the files of GOLDEN
    python3 tests/oracle/render.py draw OUT N SEED              writes N drawn views into OUT, each a command of `sdref verify` away from a verdict
    python3 tests/oracle/render.py again TRACE..                computes traces anew from their own inputs, and prints the largest relative error of each

Interpolation of voxels is grid_sample's, the other fields are those of fields.py, and every sample lies in the graph: nothing here is shared with the
renderer but the definitions in render/*.h. Files of F32 hold what binary32 makes of a view, as a backend that is right does.
Needs PyTorch 1.13; `make test` needs only the files.
"""
import math
import os
import random
import sys

import torch

from fields import encoding_of, raw_of
from tensors import load_tensors, save_tensors

STEP, EPS, AMBIENT, DIFFUSE = 0.01, 1e-6, 0.1, 0.9
PARTS = ("w1", "b1", "w2", "b2")


def raw(x, meta, p, d):
    """p, d (...,3) -> (...,4)"""
    if meta["field"] != "voxel":
        return raw_of(x, meta, p, d.expand(p.shape))
    value = torch.nn.functional.grid_sample(x["in.grid"][None], p.reshape(1, 1, 1, -1, 3), mode="bilinear", padding_mode="border", align_corners=True)
    return value.reshape((4,) + p.shape[:-1]).movedim(0, -1)


def softplus(v):
    return torch.nn.functional.softplus(v, threshold=80 if v.dtype == torch.float32 else 700)        # exp must stay finite


def density(x, meta, p, d):
    return torch.where((p.abs() <= 1).all(-1), softplus(raw(x, meta, p, d)[..., 0]), torch.zeros((), dtype=p.dtype))


def length(v):
    """max(|v|, 1e-6), whose gradient is nothing where |v| is below"""
    square = (v * v).sum(-1, keepdim=True)
    return torch.where(square > EPS * EPS, square.clamp(min=EPS * EPS).sqrt(), torch.full_like(square, EPS))


def normals(x, meta, p, d):
    axes = STEP * torch.eye(3, dtype=p.dtype)
    slope = torch.stack([density(x, meta, p + e, d) - density(x, meta, p - e, d) for e in axes], -1) / (2 * STEP)
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
    row, col = torch.meshgrid(torch.arange(h, dtype=c2w.dtype), torch.arange(w, dtype=c2w.dtype), indexing="ij")
    local = torch.stack([(col + 0.5 - 0.5 * w) / focal, (0.5 * h - row - 0.5) / focal, -torch.ones_like(row)], -1)
    d = local @ c2w[:, :3].T
    return d / d.norm(dim=-1, keepdim=True)


def background(d, meta, x):
    kind = meta["background"]
    if kind == "colour":
        return torch.sigmoid(x["in.background"]).expand(d.shape)
    if kind != "mlp":
        return torch.tensor([float(v) for v in kind.split()], dtype=d.dtype).expand(d.shape)
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
    light = torch.tensor([float(v) for v in meta["light"].split()], dtype=p.dtype) - p
    lit = AMBIENT + DIFFUSE * torch.relu((n * light / length(light)).sum(-1, keepdim=True))
    return lit * (torch.ones_like(albedo) if kind == "textureless" else albedo)


def view(meta, x):
    c2w, samples = camera(meta).to(next(iter(x.values())).dtype), int(meta["samples"])
    d, o = rays(c2w, meta), c2w[:, 3]
    a, b = (-1 - o) / d, (1 - o) / d
    near, far = torch.minimum(a, b).amax(-1).clamp(min=0), torch.maximum(a, b).amin(-1)
    hit = far > near
    u = x.get("in.jitter", torch.tensor(0.5, dtype=d.dtype))
    delta = torch.where(hit, far - near, torch.zeros_like(far)) / samples
    t = near[..., None] + (torch.arange(samples, dtype=d.dtype) + u) * delta[..., None]
    t = torch.where(hit[..., None], t, torch.zeros_like(t))
    p = o + t[..., None] * d[..., None, :]
    along = d[..., None, :]
    value = raw(x, meta, p, along)
    albedo = torch.sigmoid(value[..., 1:])
    alpha = 1 - torch.exp(-softplus(value[..., 0]) * delta[..., None])
    clear = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha], -1), -1)[..., :-1]
    w = clear * alpha
    opacity, depth = w.sum(-1), (w * t).sum(-1)
    v = w / opacity.clamp(min=1e-5)[..., None]
    mean = (v * t).sum(-1, keepdim=True)
    out = {"opacity": opacity, "depth": depth, "z_variance": (v * (t - mean) ** 2).sum(-1)}
    n = normals(x, meta, p, along) if meta["shading"] != "albedo" or any("in.cotangent." + k in x for k in ("normal", "orientation")) else None
    if n is not None:
        out["normal"] = (w[..., None] * n).sum(-2)
        out["orientation"] = (w.detach() * torch.relu((n * along).sum(-1)) ** 2).sum(-1)
    colour = shade(albedo, n, p, meta)
    out["rgb"] = (w[..., None] * colour).sum(-2) + (1 - opacity)[..., None] * background(d, meta, x)
    return c2w, d, out


INPUTS = ("in.cotangent.", "in.jitter", "in.points")


def results(meta, x):
    leaves = {k: v.clone().requires_grad_() for k, v in x.items() if not k.startswith(INPUTS)}
    c2w, d, out = view(meta, {**x, **leaves})
    total = sum((x["in.cotangent." + k] * v).sum() for k, v in out.items() if "in.cotangent." + k in x)
    if torch.is_tensor(total) and total.requires_grad:
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    else:
        grads = [None] * len(leaves)
    y = {"out.c2w": c2w, "out.ray_d": d, **{"out." + k: v.detach() for k, v in out.items()}}
    if "in.points" in x:
        y["out.encoding"] = encoding_of(x, meta, x["in.points"])
    return {**y, **{k.replace("in.", "out.grad."): torch.zeros_like(leaves[k]) if g is None else g for k, g in zip(leaves, grads)}}


def write(path, meta, x, dtype):
    """x: in float64. The file's numbers are those of binary32, so that they are the same in either program."""
    x = {k: v.float().to(dtype) for k, v in x.items()}
    meta = {**meta, "format": "sdref-trace-1", "kind": "render", "made_with": f"PyTorch {torch.__version__} autograd, {str(dtype)[6:]}"}
    save_tensors(path, {**x, **results(meta, x)}, meta)


def layers(normal, *width, scale=1.0):
    x = {}
    for k in range(1, len(width)):
        x[f"in.w{k}"] = scale * normal(width[k], width[k - 1]) / math.sqrt(width[k - 1])
        x[f"in.b{k}"] = 0.3 * normal(width[k])
    return x


def mlp_background(normal, hidden=16, frequencies=2):
    shapes = ((hidden, 3 + 6 * frequencies), (hidden,), (3, hidden), (3,))
    return {"in.background." + part: 0.5 * normal(*shape) for part, shape in zip(PARTS, shapes)}


def ball(n):
    """in.grid of a ball of radius 0.4 in empty space"""
    z, y, x = torch.meshgrid(*[torch.linspace(-1, 1, n, dtype=torch.float64)] * 3, indexing="ij")
    return torch.stack([10 - 25 * (x * x + y * y + z * z).sqrt(), 3 * x, 3 * y, 3 * z])


def cotangents(normal, h, w, outputs):
    return {"in.cotangent." + k: normal(h, w, 3) if k in ("rgb", "normal") else normal(h, w) for k in outputs}


# ------------------------------------------------------------------------------------------------------------ drawn cases
ALL = ("rgb", "opacity", "depth", "z_variance", "normal", "orientation")
FLAT = ALL[:4]


def draw_field(name, d, normal):
    """-> metadata, inputs"""
    shift = d.choice([0, d.uniform(-3, 3), -8, 30])
    if name == "voxel":
        if d.random() < 0.15:
            return {}, {"in.grid": ball(d.randint(5, 12))}
        grid = 1.5 * normal(4, *(d.randint(2, 10) for _ in range(3)))
        grid[0] += shift
        return {}, {"in.grid": grid}
    if name == "sh":
        grid = normal(*(d.randint(2, 7) for _ in range(3)), d.choice([4, 13, 28]))
        grid[..., 0] += shift
        return {}, {"in.sh": grid}
    if name == "mlp":
        x = layers(normal, 3 + 6 * d.randint(1, 6), *[d.randint(1, 40)] * d.randint(1, 3), 4, scale=1.5)
        last = max(k for k in x if k.startswith("in.b"))
        x[last][0] += shift
        return {}, x
    levels, table, features = d.randint(1, 8), 2 ** d.randint(4, 11), d.randint(1, 4)
    meta = dict(hash_levels=levels, hash_table=table, hash_features=features, hash_base=d.randint(1, 8), hash_growth=round(d.uniform(1, 1.8), 4))
    x = {"in.table": normal(levels, table, features), **layers(normal, levels * features, d.randint(1, 40), 4, scale=1.5)}
    x["in.b2"][0] += shift
    return meta, x


def draw_camera(d):
    where = (d.uniform(-80, 80), d.uniform(-180, 400))
    kind = d.random()
    if kind < 0.7:
        where += (d.uniform(1.4, 5), d.uniform(10, 100))
    elif kind < 0.85:
        where += (d.uniform(0.05, 1.2), d.uniform(30, 110))              # inside
    else:
        distance = 10 ** d.uniform(1, 3)
        where += (distance, math.degrees(3 / distance))                  # far away
    return dict(zip(("elevation", "azimuth", "distance", "fovy"), (f"{v:.4g}" for v in where)))


def draw_case(out, i, seed):
    d, draw = random.Random(1000 * seed + i), torch.Generator().manual_seed(1000 * seed + i)
    normal = lambda *shape: torch.randn(shape, generator=draw, dtype=torch.float64)
    name, shading = d.choice(["voxel", "voxel", "hashgrid", "hashgrid", "sh", "mlp"]), d.choice(["albedo", "albedo", "lambertian", "textureless", "normal"])
    meta, x = draw_field(name, d, normal)
    h, w, samples = d.randint(1, 16), d.randint(1, 16), d.choice([1, 2, d.randint(3, 48), d.randint(3, 48), 90])
    meta.update(field=name, shading=shading, h=h, w=w, samples=samples, **draw_camera(d))
    if shading in ("lambertian", "textureless"):
        meta["light"] = " ".join(f"{d.uniform(-3, 3):.3f}" for _ in range(3))
    backdrop = d.choice(["three", "three", "three", "colour", "mlp"])
    meta["background"] = " ".join(f"{d.random():.3f}" for _ in range(3)) if backdrop == "three" else backdrop
    if backdrop == "colour":
        x["in.background"] = normal(3)
    if backdrop == "mlp":
        x.update(mlp_background(normal, d.randint(1, 20), d.randint(0, 4)))
    if d.random() < 0.5:
        x["in.jitter"] = torch.rand(h, w, samples, generator=draw, dtype=torch.float64)
    if name in ("hashgrid", "mlp") and d.random() < 0.5:
        x["in.points"] = 2.2 * torch.rand(20, 3, generator=draw, dtype=torch.float64) - 1.1
    x.update(cotangents(normal, h, w, [k for k in (FLAT if shading == "albedo" and d.random() < 0.8 else ALL) if d.random() < 0.85]))
    meta = {k: str(v) for k, v in meta.items()}
    for dtype in (torch.float64, torch.float32):
        write(os.path.join(out, f"{i:03d}_{name}_{shading}_{str(dtype)[6:]}.safetensors"), meta, x, dtype)


# ------------------------------------------------------------------------------------------------------------ golden cases
def make(folder, name, seed, shading, view, h, w, outputs, jitter=False, background="0.2 0.5 0.8", light="1.5 -2 2.5", samples=11, field=None,
         dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, generator=draw, dtype=torch.float64)
    kind = background.split()[0]
    meta = dict(zip(("elevation", "azimuth", "distance", "fovy"), (str(v) for v in view)))
    meta.update(field="voxel", shading=shading, h=str(h), w=str(w), samples=str(samples), background=background)
    if shading in ("lambertian", "textureless"):
        meta["light"] = light
    if field == "hashgrid":
        meta.update(field="hashgrid", hash_levels="6", hash_table="128", hash_features="2", hash_base="4", hash_growth="1.5")
        x = {"in.table": normal(6, 128, 2), **layers(normal, 12, 16, 4, scale=1.5)}
    else:
        x = {"in.grid": ball(9) if field == "ball" else 1.5 * normal(4, 5, 4, 6)}
        if field == "even":
            x["in.grid"][0] = 1
    if jitter:
        x["in.jitter"] = torch.rand(h, w, samples, generator=draw, dtype=torch.float64)
    if kind == "colour":
        x["in.background"] = normal(3)
    if kind == "mlp":
        x.update(mlp_background(normal))
    x.update(cotangents(normal, h, w, outputs))
    write(os.path.join(folder, name + ".safetensors"), meta, x, dtype)


def golden_cases(folder):
    make(folder, "textureless_wide", 1, "textureless", (8, -75, 1.6, 95), 5, 9, ALL, jitter=True)
    make(folder, "normal_inside", 2, "normal", (-20, 130, 0.6, 70), 7, 5, ALL)
    make(folder, "background_colour", 3, "lambertian", (30, 40, 2.2, 50), 5, 6, ("rgb", "orientation"), background="colour", light="-0.5 1 3")
    make(folder, "background_mlp", 4, "albedo", (-15, 200, 2.5, 60), 6, 7, FLAT, jitter=True, background="mlp")
    # mostly rounding, or in part: tests/t_verify.c says of what
    make(folder, "one_sample", 5, "albedo", (15, 30, 2.5, 40), 5, 6, FLAT, samples=1)
    make(folder, "ball_f32", 6, "lambertian", (15, 30, 2.5, 40), 9, 9, ALL, samples=48, field="ball", dtype=torch.float32)
    make(folder, "even_density", 8, "normal", (15, 30, 2.5, 40), 5, 6, ALL, field="even")
    make(folder, "lit_hashgrid_f32", 7, "lambertian", (15, 30, 2.5, 40), 6, 7, ALL, samples=16, field="hashgrid", dtype=torch.float32)


def again(path):
    x, meta = load_tensors(path)
    ours = results(meta, {k: v for k, v in x.items() if k.startswith("in.")})
    worst = max((((ours[k] - x[k]).norm() / x[k].norm()).item(), k) for k in x if k.startswith("out."))
    print(f"{path}: {worst[0]:.2g} ({worst[1]})")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "golden":
        golden_cases(sys.argv[2])
    elif sys.argv[1] == "again":
        for trace in sys.argv[2:]:
            again(trace)
    else:
        os.makedirs(sys.argv[2], exist_ok=True)
        for case in range(int(sys.argv[3])):
            draw_case(sys.argv[2], case, int(sys.argv[4]))
