"""Writes tests/golden/depth_io.safetensors: the shipped depth network as diffusers opens and runs it, in float64.

    python3 tests/oracle/depth.py weights/depth tests/golden

A trace of format sdref-trace-1 (tests/oracle/nets_trace.py): inputs drawn from a seed, the outputs of a few modules, the result, its gradient with
respect to the input for a drawn cotangent. `sdref verify` takes it; so does `make test`. Needs PyTorch 1.13, diffusers 0.21.4.
"""
import os
import sys

import diffusers
import torch

from nets_model import save_tensors
from nets_trace import trace


def main(folder, golden):
    model = diffusers.UNet2DModel.from_pretrained(folder, use_safetensors=True).eval()
    draw = torch.Generator().manual_seed(4)
    normal = lambda channels: torch.randn((1, channels, 32, 16), generator=draw)
    inputs = {"sample": normal(model.config.in_channels), "timestep": torch.tensor([417.0]), "cotangent": normal(model.config.out_channels)}
    results = trace("unet", model, inputs, "f64", taps="conv_in,time_embedding,mid_block", grads="some")
    results = {k: v for k, v in results.items() if not k.startswith("out.grad.")}
    save_tensors(os.path.join(golden, "depth_io.safetensors"), {**{"in." + k: v for k, v in inputs.items()}, **results},
                 {"format": "sdref-trace-1", "kind": "unet", "network": os.path.relpath(folder, golden),
                  "made_with": f"diffusers {diffusers.__version__}, PyTorch {torch.__version__}, float64 evaluation of float16 weights"})


main(*sys.argv[1:3])
