"""Writes what tests/t_unet.c needs beyond the golden files:

    nets/*/modules.txt          for every network there: the forward hooks of all modules in the order in which they are called, a
                                line each: path, and shape of the (first) output
    nets/{odd,joint,plain}/     three networks more, half-precision weights, whose configs the golden files lack

    python3 tests/oracle/unet_more.py tests/golden/nets

Needs PyTorch 1.13 and diffusers 0.21.4; `make test` needs only the files.
"""
import json
import os
import sys

import torch

from nets import make
from nets_model import empty, load_tensors
from nets_trace import first_tensor

MORE = {
    # odd sides, levels that differ in everything, heads that do not divide the channels, every embedding that goes together
    "odd": dict(size=(7, 10), batch=2, tokens=5, time="fractional", store=(), config=dict(
        _class_name="UNet2DConditionModel", sample_size=8, in_channels=4, out_channels=3, norm_num_groups=4, norm_eps=1e-4,
        block_out_channels=[8, 16, 16], down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], layers_per_block=[1, 2, 1], downsample_padding=0,
        transformer_layers_per_block=[1, 2, 1], attention_head_dim=[3, 5, 2], use_linear_projection=True, cross_attention_dim=12,
        only_cross_attention=[True, False, False], act_fn="gelu", center_input_sample=True, mid_block_scale_factor=1.5,
        class_embed_type="timestep", addition_embed_type="text_image", encoder_hid_dim_type="text_image_proj", encoder_hid_dim=10,
        flip_sin_to_cos=False, freq_shift=1, time_embedding_dim=20, time_embedding_act_fn="mish", timestep_post_act="silu",
        time_cond_proj_dim=6, conv_in_kernel=5, conv_out_kernel=1)),
    # attention over text and image at once, sampling in resnets, Fourier times
    "joint": dict(size=(4, 8), batch=2, tokens=3, time="log_sigma", store=(), config=dict(
        _class_name="UNet2DConditionModel", sample_size=8, norm_num_groups=4, block_out_channels=[8, 16],
        down_block_types=["SimpleCrossAttnDownBlock2D", "AttnDownBlock2D"], up_block_types=["SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"],
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", mid_block_only_cross_attention=True, layers_per_block=1, attention_head_dim=[4, 8],
        cross_attention_dim=32, cross_attention_norm="group_norm", resnet_skip_time_act=True, resnet_out_scale_factor=1.41,
        mid_block_scale_factor=1.2, resnet_time_scale_shift="scale_shift", time_embedding_type="fourier", act_fn="mish",
        addition_embed_type="image", encoder_hid_dim_type="image_proj", encoder_hid_dim=6, class_embed_type="identity")),
    # UNet2DModel with Fourier times and a class, and the names of files before diffusers 0.17
    "plain": dict(size=(4, 12), batch=2, tokens=0, time="sigma", store=("old_names",), config=dict(
        _class_name="UNet2DModel", sample_size=8, norm_num_groups=4, block_out_channels=[8, 16, 16], layers_per_block=1, act_fn="relu",
        down_block_types=["ResnetDownsampleBlock2D", "AttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"], downsample_type="resnet", upsample_type="resnet",
        attention_head_dim=4, resnet_time_scale_shift="scale_shift", mid_block_scale_factor=1.3, time_embedding_type="fourier",
        num_class_embeds=7)),
}


def modules(folder):
    """Lines "path shape" of one call of the network in the folder, on the inputs of its trace."""
    with open(os.path.join(folder, "unet", "config.json")) as f:
        model = empty(json.load(f))
    lines = []
    for path, m in model.named_modules():
        if path:
            m.register_forward_hook(lambda _, args, y, path=path: lines.append(path + " " + "x".join(map(str, first_tensor(y).shape))))
    tensors, _ = load_tensors(os.path.join(folder, "io.safetensors"))
    given = {k[3:]: v for k, v in tensors.items() if k.startswith("in.") and k != "in.cotangent"}
    added = {k: given.pop(k) for k in ("text_embeds", "time_ids", "image_embeds") if k in given}
    if added:
        given["added_cond_kwargs"] = added
    if type(model).__name__ == "UNet2DConditionModel":
        given.setdefault("encoder_hidden_states", None)
    with torch.no_grad():
        model(**given)
    return lines


if __name__ == "__main__":
    for i, (name, how) in enumerate(MORE.items()):
        make(os.path.join(sys.argv[1], name), dict(how, dtype="f16", taps="golden"), 100 + i, ["f64"])
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name, "modules.txt"), "w") as f:
            f.write("\n".join(modules(os.path.join(sys.argv[1], name))) + "\n")
