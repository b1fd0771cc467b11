"""Small networks with random weights, in the folder layout of diffusers and transformers.

Weights are drawn so that every part matters: norms have weights near 1 and biases of 0.2, no bias is zero, the scores of
attention have a deviation near 1. They are rounded to the stored type; the trace uses the rounded ones.

    config = {"_class_name": "UNet2DConditionModel", "block_out_channels": [16, 32], ...}       as in config.json
    model = build(config, seed, "f16")       float32 module holding f16 values
    save_network(model, folder, "f16", store)  config.json and weights;  store: names of section "Store" in nets_cases.py
    model = load_network(folder)
"""
import json
import math
import os

import torch
import diffusers
import transformers
from diffusers.models.dual_transformer_2d import DualTransformer2DModel
from diffusers.models.unet_2d_blocks import AttnDownBlock2D

from tensors import DTYPES, load_tensors, save_tensors


# ---------------------------------------------------------------------------------------------------------------- classes
def empty(config):
    """A module of this config, weights not yet set."""
    config = dict(config)
    name = config.pop("_class_name", None) or config["architectures"][0]
    if not name.startswith("CLIP"):
        return getattr(diffusers, name).from_config(config).eval()
    cls = getattr(transformers, name)
    model = cls(cls.config_class(**{k: v for k, v in config.items() if k != "architectures"}))
    model.config.architectures = [name]
    return model.eval()


def accept_arguments():
    """diffusers 0.21.4 passes arguments to these two that they do not take (TypeError); later versions take and ignore
    them where, as here, they have their neutral value."""
    def without(forward, name):
        return lambda self, *args, **kwargs: forward(self, *args, **{k: v for k, v in kwargs.items() if k != name})
    AttnDownBlock2D.forward = without(AttnDownBlock2D.forward, "scale")
    DualTransformer2DModel.forward = without(DualTransformer2DModel.forward, "encoder_attention_mask")


accept_arguments()


def draw(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def initial(generator, name, parameter, module):
    shape, leaf = parameter.shape, name.split(".")[-1]
    if isinstance(module, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
        return (1.0 if leaf == "weight" else 0.0) + 0.2 * draw(generator, *shape)
    if leaf == "bias":
        return 0.2 * draw(generator, *shape)
    if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
        return draw(generator, *shape) / math.sqrt(parameter[0].numel())
    return draw(generator, *shape) if parameter.numel() > 1 else torch.full(shape, 2.6592, dtype=torch.float64)


def build(config, seed, dtype):
    """A float32 module whose weights are exact in `dtype` (f32, f16, bf16)."""
    model, generator = empty(config), torch.Generator().manual_seed(seed)
    owners = dict(model.named_modules())
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = initial(generator, name, p, owners[name.rpartition(".")[0]])
            p.copy_(value.float().to(DTYPES[dtype.upper()]).float())
    return model


# ------------------------------------------------------------------------------------------------------------------ store
OLD_ATTENTION = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}


def folder_of(model):
    return {"UNet2DConditionModel": "unet", "UNet2DModel": "unet", "AutoencoderKL": "vae", "AutoencoderTiny": "taesd",
            "CLIPModel": "clip", "CLIPVisionModelWithProjection": "image_encoder"}.get(type(model).__name__, "text_encoder")


def config_text(model, config, store):
    """What save_pretrained writes: every key for diffusers, the keys that differ from the defaults for transformers.
    "minimal": only the keys of the case, as in hand-written and old files."""
    if "minimal" in store:
        return json.dumps(config, indent=2)
    if type(model).__name__.startswith("CLIP"):
        return model.config.to_json_string()
    return model.to_json_string()


def save_network(model, config, folder, dtype, store=()):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        f.write(config_text(model, config, store))
    weights = {k: v.to(DTYPES[dtype.upper()]) for k, v in model.state_dict().items() if v.is_floating_point()}
    if "position_ids" in store:     # transformers before 4.31 stored this buffer, as I64
        weights["text_model.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    if "old_names" in store:        # the attentions of UNet2DModel and AutoencoderKL before diffusers 0.17; linears, not convolutions
        for new, old in OLD_ATTENTION.items():
            weights = {k.replace(new, old): v for k, v in weights.items()}
    stem = "model" if type(model).__name__.startswith("CLIP") else "diffusion_pytorch_model"
    variant = ".fp16" if "fp16" in store else ""
    if "shards" not in store:
        save_tensors(os.path.join(folder, f"{stem}{variant}.safetensors"), weights, {"format": "pt"})
        return
    names, index = list(weights), {}
    for i in range(3):
        part = names[len(names) * i // 3:len(names) * (i + 1) // 3]
        shard = f"{stem}{variant}-{i + 1:05d}-of-00003.safetensors"
        save_tensors(os.path.join(folder, shard), {k: weights[k] for k in part}, {"format": "pt"})
        index.update({k: shard for k in part})
    total = sum(v.numel() * v.element_size() for v in weights.values())
    with open(os.path.join(folder, f"{stem}.safetensors.index{variant}.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": index}, f, indent=2, sort_keys=True)


def load_network(folder):
    """For folders with one weight file."""
    with open(os.path.join(folder, "config.json")) as f:
        model = empty(json.load(f))
    path = [n for n in os.listdir(folder) if n.endswith(".safetensors")]
    assert len(path) == 1, path
    weights = {k: v.float() for k, v in load_tensors(os.path.join(folder, path[0]))[0].items()}
    missing, unknown = model.load_state_dict(weights, strict=False)
    assert not unknown and all(k == "logit_scale" for k in missing), (folder, missing, unknown)
    return model
