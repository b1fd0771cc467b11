"""Writes a GELU text encoder with projection, its trace, and what the golden CLIP files leave open, by transformers.

    python3 tests/oracle/clip_text.py tests/golden        needs tests/golden/clip and clip_io.safetensors

    clip_text/, clip_text_io.safetensors   CLIPTextModelWithProjection in binary16, every key of its config written out; a trace
                                           of every module, but for the insides of layer 0
    clip_more.safetensors                  of both networks, in float64:
        text.legacy_embeds                 the embeds with eos_token_id 2
        text.cotangent, text.grad.NAME     gradient of <cotangent, embeds> (eos_token_id as in the config)
        vision.pooler_output, vision.grad.NAME     of clip/: gradient of <in.cotangent_image_embeds, image_embeds>
        metadata text.modules, clip.modules        "path 2x3x4" of every module that puts out a tensor, in order, a line each

Needs PyTorch 1.13, diffusers 0.21.4, transformers 4.35.2; `make test` needs only the files.
"""
import json
import os
import sys

import torch

from nets_model import build, load_network, load_tensors, save_network, save_tensors
from nets_trace import first_tensor, float64_throughout

CONFIG = {"architectures": ["CLIPTextModelWithProjection"], "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
          "num_hidden_layers": 2, "vocab_size": 100, "max_position_embeddings": 16, "hidden_act": "gelu", "projection_dim": 24,
          "bos_token_id": 89, "eos_token_id": 90, "pad_token_id": 90}
# Rows: an id above the end token, padding with the end token, no end token at all.
IDS = torch.tensor([[89, 5, 90, 99, 17, 90], [89, 42, 7, 90, 90, 90], [50, 1, 2, 88, 4, 5]])
TEXT_GRADS = ("text_model.embeddings.token_embedding.weight", "text_model.embeddings.position_embedding.weight",
              "text_model.encoder.layers.0.layer_norm1.weight", "text_model.encoder.layers.0.self_attn.k_proj.weight",
              "text_model.encoder.layers.0.self_attn.v_proj.bias", "text_model.encoder.layers.1.mlp.fc1.bias",
              "text_model.final_layer_norm.bias", "text_projection.weight")
VISION_GRADS = ("vision_model.embeddings.class_embedding", "vision_model.embeddings.position_embedding.weight",
                "vision_model.pre_layrnorm.weight", "vision_model.encoder.layers.0.self_attn.q_proj.bias",
                "vision_model.encoder.layers.1.mlp.fc1.bias", "vision_model.post_layernorm.bias")


def listen(model):
    """-> list of (path, output), filled as modules finish"""
    heard = []
    for path, module in model.named_modules():
        if path:
            module.register_forward_hook(lambda m, args, output, path=path: heard.append((path, first_tensor(output))))
    return heard


def lines(heard):
    return "\n".join(path + " " + "x".join(map(str, y.shape)) for path, y in heard)


def gradients(model, names, value, prefix):
    parameters = dict(model.named_parameters())
    g = torch.autograd.grad(value, [parameters[n] for n in names], retain_graph=True)
    return {prefix + n: v for n, v in zip(names, g)}


def text(root, more, notes):
    model, folder = build(CONFIG, 11, "f16"), os.path.join(root, "clip_text")
    save_network(model, CONFIG, folder, "f16", ("position_ids",))
    with open(os.path.join(folder, "config.json"), "w") as f:
        f.write(model.config.to_json_string(use_diff=False))
    model.double()
    heard = listen(model)
    y = model(IDS, output_hidden_states=True)
    heard = list(heard)                                     # the next line is heard too
    pooled = model.text_model(IDS).pooler_output
    assert torch.equal(dict(heard)["text_model.encoder.layers.0"], y.hidden_states[-2])
    out = {"in.input_ids": IDS, "out.text.last_hidden_state": y.last_hidden_state, "out.text.pooler_output": pooled,
           "out.text_embeds": y.text_embeds}
    out.update({"act." + path: t for path, t in heard if ".layers.0." not in path})
    save_tensors(os.path.join(root, "clip_text_io.safetensors"), out,
                 {"format": "sdref-trace-1", "kind": "clip", "network": "clip_text", "made_with": "transformers 4.35.2 in float64"})
    notes["text.modules"] = lines(heard)
    more["text.cotangent"] = torch.randn(y.text_embeds.shape, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    more.update(gradients(model, TEXT_GRADS, (more["text.cotangent"] * y.text_embeds).sum(), "text.grad."))
    model.text_model.eos_token_id = 2
    more["text.legacy_embeds"] = model(IDS).text_embeds


def both(root, more, notes):
    model = load_network(os.path.join(root, "clip")).double()
    io = load_tensors(os.path.join(root, "clip_io.safetensors"))[0]
    heard = listen(model)
    last = model.text_model(io["in.input_ids"])
    embeds = model.text_projection(last.pooler_output)
    vision = model.vision_model(io["in.pixel_values"].double())
    image = model.visual_projection(vision.pooler_output)
    for name, y in (("text.last_hidden_state", last.last_hidden_state), ("text_embeds", embeds), ("image_embeds", image)):
        error = ((y - io["out." + name]).norm() / y.norm()).item()
        assert error < 1e-13, (name, error)
    notes["clip.modules"] = lines(heard)
    more["vision.pooler_output"] = vision.pooler_output
    more.update(gradients(model, VISION_GRADS, (io["in.cotangent_image_embeds"] * image).sum(), "vision.grad."))


def main(root):
    more, notes = {}, {"made_with": "tests/oracle/clip_text.py, transformers 4.35.2 in float64"}
    with float64_throughout():
        text(root, more, notes)
        both(root, more, notes)
    save_tensors(os.path.join(root, "clip_more.safetensors"), more, notes)


main(sys.argv[1])
