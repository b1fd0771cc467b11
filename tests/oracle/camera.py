"""Writes tests/golden/cameras.safetensors: cameras of random poses and of jittered views, in float64.

    python3 tests/oracle/camera.py tests/golden

Poses are float32 numbers, so that both programs are given the same. Rays go through the pixels' centres. The jitter is applied as threestudio applies its
own: added to the position, to the point looked at, and to up. Needs PyTorch 1.13; `make test` needs only the file.
"""
import json
import os
import struct
import sys

import torch

POSES, H, W = 32, 5, 7


def camera(position, target, up, fovy):
    unit = torch.nn.functional.normalize
    forward = unit(target - position, dim=-1)
    right = unit(torch.cross(forward, up, dim=-1), dim=-1)
    c2w = torch.stack([right, torch.cross(right, forward, dim=-1), -forward, position], dim=-1)
    return c2w, 0.5 * H / torch.tan(torch.deg2rad(fovy) / 2)


def rays(c2w, focal):
    row, col = torch.meshgrid(torch.arange(H, dtype=torch.float64), torch.arange(W, dtype=torch.float64), indexing="ij")
    flat = torch.stack([col + 0.5 - W / 2, H / 2 - (row + 0.5), torch.zeros_like(row)], dim=-1) / focal[:, None, None, None]
    flat[..., 2] = -1
    return torch.nn.functional.normalize(torch.einsum("nij,nhwj->nhwi", c2w[..., :3], flat), dim=-1)


def save(path, tensors, metadata):
    """Float64 tensors as safetensors."""
    header, at = {"__metadata__": metadata}, 0
    for name, x in tensors.items():
        header[name] = {"dtype": "F64", "shape": list(x.shape), "data_offsets": [at, at + 8 * x.numel()]}
        at += 8 * x.numel()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(x.contiguous().numpy().tobytes() for x in tensors.values()))


def main(folder):
    draw = torch.Generator().manual_seed(11)
    normal = lambda *shape: torch.randn(shape, generator=draw).double()
    between = lambda low, high: (low + (high - low) * torch.rand(POSES, generator=draw)).float().double()
    out = {"in.position": 3 * normal(POSES, 3), "in.target": normal(POSES, 3), "in.up": normal(POSES, 3) * 10 ** between(-3, 3)[:, None], "in.fovy": between(5, 150)}
    out = {name: x.float().double() for name, x in out.items()}
    out["c2w"], out["focal"] = camera(out["in.position"], out["in.target"], out["in.up"], out["in.fovy"])
    out["rays"] = rays(out["c2w"], out["focal"])

    view = {"elevation": between(-85, 85), "azimuth": between(-180, 180), "distance": between(1.5, 3), "fovy": between(20, 70)}
    jitter = {"offset": (0.2 * normal(POSES, 3)), "target": 0.3 * normal(POSES, 3), "up": 0.1 * normal(POSES, 3)}
    jitter = {name: x.float().double() for name, x in jitter.items()}
    el, az = torch.deg2rad(view["elevation"]), torch.deg2rad(view["azimuth"])
    stands = view["distance"][:, None] * torch.stack([el.cos() * az.cos(), el.cos() * az.sin(), el.sin()], dim=-1)
    c2w, focal = camera(stands + jitter["offset"], jitter["target"], torch.tensor([0.0, 0.0, 1.0]) + jitter["up"], view["fovy"])
    out.update({f"view.{name}": x for name, x in {**view, "c2w": c2w, "focal": focal}.items()})
    out.update({f"jitter.{name}": x for name, x in jitter.items()})
    meta = {"made_with": f"PyTorch {torch.__version__}, float64"}
    save(os.path.join(folder, "cameras.safetensors"), out, meta)


main(sys.argv[1])
