"""Writes tests/golden/lora/{processors,layers,io}.safetensors: LoRA files for tests/golden/nets/sd15, and what diffusers makes of them.

    python3 tests/oracle/lora.py tests/golden

Needs PyTorch 1.13 and diffusers 0.21.4; `make test` needs only the files. Rank 2, random values.
    processors   as UNet2DConditionModel.save_attn_procs writes it (F32)
    layers       unet.X.to_q.lora.down.weight, and unet.X.to_q.alpha for two of three modules (F16)
    io           sample.FILE: the network's output with that LoRA, inputs of nets/sd15/io.safetensors, in float64; for
                 processors with scale 0.7, and grad.X.to_q.lora.down.weight = d<in.cotangent, output>
"""
import os
import sys

import torch
from diffusers.models.attention_processor import LoRAAttnProcessor

from nets_model import load_network, load_tensors, save_tensors
from nets_trace import float64_throughout

RANK, SCALE = 2, 0.7
generator = torch.Generator().manual_seed(11)


def canonical(name):
    return name.replace(".processor", "").replace("to_out_lora", "to_out.0.lora").replace("_lora", ".lora")


def run(model, given):
    return model(given["in.sample"].double(), given["in.timestep"], given["in.encoder_hidden_states"].double()).sample


def processors(folder, given, out):
    model = load_network(f"{folder}/nets/sd15/unet")
    widths = {}
    for name in model.attn_processors:
        to_k = model.get_submodule(name.replace(".processor", ".to_k"))
        widths[name] = to_k.out_features, to_k.in_features
    model.set_attn_processor({n: LoRAAttnProcessor(hidden, cross if ".attn2." in n else None, RANK) for n, (hidden, cross) in widths.items()})
    for processor in model.attn_processors.values():
        for p in processor.parameters():
            p.data = 0.3 * torch.randn(*p.shape, generator=generator)
    model.save_attn_procs(f"{folder}/lora", safe_serialization=True, weight_name="processors.safetensors")
    state, _ = load_tensors(f"{folder}/lora/processors.safetensors")
    fresh = load_network(f"{folder}/nets/sd15/unet").double()
    fresh.load_attn_procs(dict(state))
    with float64_throughout():
        y = fresh(given["in.sample"].double(), given["in.timestep"], given["in.encoder_hidden_states"].double(),
                  cross_attention_kwargs={"scale": SCALE}).sample
    out["sample.processors"] = y
    wanted = {n: p for n, p in fresh.named_parameters() if "lora" in n}
    grads = torch.autograd.grad((y * given["in.cotangent"].double()).sum(), list(wanted.values()))
    for name, g in zip(wanted, grads):
        out["grad." + name.replace("lora_layer", "lora")] = g
    return {canonical(n): v for n, v in state.items()}


def layers(folder, given, state, out):
    tensors = {n: (0.5 * torch.randn(*v.shape, generator=generator)).half() for n, v in state.items()}
    modules = sorted({n.split(".lora.")[0] for n in tensors})
    alphas = {m: torch.tensor(0.25 * (1 + i % 5)).half() for i, m in enumerate(modules) if i % 3}
    named = {"unet." + n: v for n, v in tensors.items()}
    save_tensors(f"{folder}/lora/layers.safetensors", {**named, **{f"unet.{m}.alpha": a for m, a in alphas.items()}}, {"format": "pt"})
    model = load_network(f"{folder}/nets/sd15/unet").double()
    model.load_attn_procs({n: v.float() for n, v in tensors.items()}, network_alphas={m + ".alpha": float(a) for m, a in alphas.items()})
    with float64_throughout():
        out["sample.layers"] = run(model, given)


def main():
    folder, out = sys.argv[1], {}
    os.makedirs(f"{folder}/lora", exist_ok=True)
    given, _ = load_tensors(f"{folder}/nets/sd15/io.safetensors")
    state = processors(folder, given, out)
    layers(folder, given, state, out)
    save_tensors(f"{folder}/lora/io.safetensors", out, {"made_with": "tests/oracle/lora.py, diffusers 0.21.4 in float64"})


main()
