"""Writes tests/golden/regularise/{odd,small}.safetensors: the regularisers of render/regularise.h in float64, gradients by PyTorch's autograd.

    python3 tests/oracle/regularise.py tests/golden/regularise

Maps of a view are drawn, with pixels at and about every threshold and clamp; each regulariser NAME gives out.NAME and out.NAME.grad.MAP, its gradient
with respect to a map. Formulae as the released codes have them, in their own functions (normalize, interpolate, cross), but for the length at which a
normal counts as none, 1e-6. Values that both binary32 and binary64 hold. `odd` also holds ramps: in.ramp.I, in.steps and out.ramp.I.
Needs PyTorch 1.13; `make test` needs only the files.
"""
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

RAMPS = ([0, 0.15, 0.0, 3000], [0, 1.0, 0.1, 4000], [5000, 0.98, 0.5, 5001], [100, 2.0, 7.25, 300, 0.5, 900])


def save(path, tensors):
    """A safetensors file of float64."""
    header, at = {"__metadata__": {"made_with": f"PyTorch {torch.__version__}, float64"}}, 0
    for name, t in sorted(tensors.items()):
        header[name] = {"dtype": "F64", "shape": list(t.shape), "data_offsets": [at, at + 8 * t.numel()]}
        at += 8 * t.numel()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(t.detach().contiguous().numpy().tobytes() for _, t in sorted(tensors.items()))


def both(t):
    return t.float().double()


def ramp(v, step):
    if len(v) == 6:
        v = v[:4] if step < v[3] else [v[3], v[2], v[4], v[5]]
    s0, a, b, s1 = v
    return a + (b - a) * max(min(1.0, (step - s0) / (s1 - s0)), 0.0)


def maps(draw, h, w):
    rand = lambda *shape: torch.rand(shape, generator=draw, dtype=torch.float64)
    opacity = rand(h, w)
    edge = [0.0, 0.0, 0.0004, 0.0009, 0.0011, 0.5, 0.5 + 2 ** -20, 0.5 - 2 ** -20, 0.9985, 0.9995, 1.0]
    opacity.view(-1)[torch.randperm(h * w, generator=draw)[:len(edge)]] = torch.tensor(edge, dtype=torch.float64)
    opacity = both(opacity)
    unit = F.normalize(torch.randn((h, w, 3), generator=draw, dtype=torch.float64), dim=-1)
    normal = unit * opacity[..., None] * (0.6 + 0.4 * rand(h, w, 1))
    normal[opacity < 0.0005] *= 1e-4                                   # shorter than 1e-6, or 0
    q, _ = torch.linalg.qr(torch.randn((3, 3), generator=draw, dtype=torch.float64))
    q = q * torch.sign(torch.linalg.det(q))
    return {"opacity": opacity, "z_variance": both(0.1 * rand(h, w)), "orientation": both(rand(h, w) * opacity), "normal": both(normal),
            "c2w": both(torch.cat([q, torch.randn((3, 1), generator=draw, dtype=torch.float64)], 1))}


def entropy(o):
    return -(o * torch.log(o) + (1 - o) * torch.log(1 - o)).mean()


def small(normals):
    return F.interpolate(normals.permute(2, 0, 1)[None], (8, 8), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)


def released(normal, opacity):
    n = small((F.normalize(normal, dim=-1, eps=1e-6) + 1) / 2 * opacity[..., None])
    across = torch.cross(n[:, :-1], n[:, 1:], dim=-1)[..., 2]
    up = torch.cross(n[1:], n[:-1], dim=-1)[..., 2]
    return -(across.mean() + up.mean())


def camera(normal, opacity, c2w):
    axes = F.normalize(normal, dim=-1, eps=1e-6)
    n = small(torch.stack([(axes * c2w[:, k]).sum(-1) for k in range(3)], -1) * opacity[..., None])
    left, right, down, up = n[:, :-1], n[:, 1:], n[1:], n[:-1]
    across = left[..., 2] * right[..., 0] - left[..., 0] * right[..., 2]
    rise = down[..., 2] * up[..., 1] - down[..., 1] * up[..., 2]
    return -(across.mean() + rise.mean())


def neighbours(x, axes):
    return sum(x.diff(dim=a).square().mean() for a in axes)


def values(m, theta):
    return {
        "orientation": m["orientation"].sum() / (m["opacity"] > 0).sum(),
        "sparsity": F.relu((m["opacity"] ** 2 + 0.01).sqrt().mean()),
        "opaqueness": entropy(m["opacity"].clamp(1e-3, 1 - 1e-3)),
        "z_variance": m["z_variance"][m["opacity"] > 0.5].mean(),
        "normal_smooth": neighbours(m["normal"], (0, 1)),
        "tv": neighbours(theta, (0, 1, 2)),
        "convexity_camera": camera(m["normal"], m["opacity"], m["c2w"]),
        "convexity_released": released(m["normal"], m["opacity"]),
    }


def case(draw, h, w, grid):
    m = maps(draw, h, w)
    theta = both(torch.randn((*grid, 4), generator=draw, dtype=torch.float64))
    leaves = {**{k: v for k, v in m.items() if k != "c2w"}, "theta": theta}
    tensors = {"in." + k: v.clone() for k, v in {**m, "theta": theta}.items()}
    for v in leaves.values():
        v.requires_grad_()
    for name, y in values(m, theta).items():
        tensors["out." + name] = y[None]
        grads = torch.autograd.grad(y, list(leaves.values()), retain_graph=True, allow_unused=True)
        for k, g in zip(leaves, grads):
            if g is not None:
                tensors[f"out.{name}.grad.{k}"] = g
    return tensors


def main(folder):
    draw = torch.Generator().manual_seed(11)
    odd = case(draw, 13, 19, (3, 5, 4))
    steps = [0, 1, 99, 100, 101, 299, 300, 301, 899, 900, 1500, 2999, 3000, 3001, 3999, 4000, 4999, 5000, 5001, 20000]
    odd["in.steps"] = torch.tensor(steps, dtype=torch.float64)
    for i, v in enumerate(RAMPS):
        odd[f"in.ramp.{i}"] = torch.tensor(v, dtype=torch.float64)
        odd[f"out.ramp.{i}"] = torch.tensor([ramp(v, s) for s in steps], dtype=torch.float64)
    save(os.path.join(folder, "odd.safetensors"), odd)
    save(os.path.join(folder, "small.safetensors"), case(draw, 5, 6, (2, 2, 3)))


main(sys.argv[1])
