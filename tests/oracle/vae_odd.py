"""Writes tests/golden/{vae,taesd}_odd_io.safetensors: two images and latents of sides that the factors do not divide, by diffusers.

    python3 tests/oracle/vae_odd.py tests/golden

Needs PyTorch 1.13 and diffusers 0.21.4; `make test` needs only the files. The networks are those of tests/golden/{vae,taesd},
in float64. Tensors are named as in {vae,taesd}_io.safetensors; metadata `encode` and `decode` list the modules whose forward
hooks are called, in that order.
"""
import sys

import torch

from nets_model import load_network, save_tensors
from nets_trace import float64_throughout

IMAGE, LATENT = (2, 3, 13, 10), (2, 4, 3, 5)


def hooked(model, run):
    calls = []
    handles = [m.register_forward_hook(lambda *_, path=path: calls.append(path)) for path, m in model.named_modules() if path]
    y = run()
    for handle in handles:
        handle.remove()
    return y, " ".join(calls)


def trace(model, kind, draw):
    image, latent = draw(IMAGE).requires_grad_(True), draw(LATENT).requires_grad_(True)
    encoded, encode_calls = hooked(model, lambda: model.encode(image))
    decoded, decode_calls = hooked(model, lambda: model.decode(latent).sample)
    out = {"in.image": image, "in.latent": latent, "out.image": decoded}
    y = encoded.latent_dist.mean if kind == "vae" else encoded.latents
    name = "mean" if kind == "vae" else "latent"
    out["out." + name] = y
    if kind == "vae":
        out["out.logvar"] = encoded.latent_dist.logvar
    cotangent, cotangent_image = draw(y.shape), draw(decoded.shape)
    out["in.cotangent_" + name], out["in.cotangent_image"] = cotangent, cotangent_image
    out["out.grad_image"] = torch.autograd.grad((y * cotangent).sum(), image)[0]
    out["out.grad_latent"] = torch.autograd.grad((decoded * cotangent_image).sum(), latent)[0]
    meta = {"encode": encode_calls, "decode": decode_calls, "made_with": "tests/oracle/vae_odd.py, diffusers 0.21.4 in float64"}
    return {k: v.detach().to(torch.float32) if k.startswith("in.") else v.detach() for k, v in out.items()}, meta


def main():
    folder, generator = sys.argv[1], torch.Generator().manual_seed(7)
    draw = lambda shape: torch.randn(*shape, generator=generator, dtype=torch.float32).double()
    for kind in ("vae", "taesd"):
        model = load_network(f"{folder}/{kind}").double()
        with float64_throughout():          # the attention would take its softmax in float32
            tensors, meta = trace(model, kind, draw)
        save_tensors(f"{folder}/{kind}_odd_io.safetensors", tensors, meta)


main()
