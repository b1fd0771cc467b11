"""The configs that the oracle tries, and inputs for any config.

case(name, class, settings, how): settings override the SMALL config of the class; how holds
    batch, size (H, W), tokens        of the inputs
    time         of the timesteps: whole; fractional (F32); sigma and log_sigma, what Fourier embeddings are trained with (their
                 weights are F16: rounded on the way to an F16 trace, they would spoil time_proj, which is F32 there)
    dtype        f32, f16, bf16: type of the stored weights
    store        names: minimal (config.json holds only the keys given here), position_ids, old_names, shards, fp16 (the variant's file names)
    taps         golden, all, or a list
A name that begins with x_ is a config beyond those that have to be supported: refusing it by name is right, computing it
is right, a wrong result is not.
"""
import torch

SMALL = {
    "UNet2DConditionModel": dict(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=[16, 32], layers_per_block=1, norm_num_groups=8,
        cross_attention_dim=24, attention_head_dim=4, down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"]),
    "UNet2DModel": dict(
        sample_size=8, block_out_channels=[16, 32], layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
        down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"]),
    "AutoencoderKL": dict(
        block_out_channels=[16, 32], layers_per_block=1, norm_num_groups=8, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2),
    "AutoencoderTiny": dict(
        encoder_block_out_channels=[16] * 3, decoder_block_out_channels=[16] * 3, num_encoder_blocks=[1, 2, 1],
        num_decoder_blocks=[2, 1, 1]),
    "CLIPTextModel": dict(
        model_type="clip_text_model", hidden_size=32, intermediate_size=64, num_attention_heads=4, num_hidden_layers=2,
        vocab_size=200, max_position_embeddings=77, hidden_act="quick_gelu", bos_token_id=0, eos_token_id=2, pad_token_id=1,
        projection_dim=24),
}
SMALL["CLIPTextModelWithProjection"] = SMALL["CLIPTextModel"]
CASES = {}


def case(name, cls, settings=None, batch=1, size=(8, 8), tokens=7, dtype="f32", store=(), taps="golden", time="whole"):
    config = {**SMALL.get(cls, {}), **(settings or {})}
    config = {"architectures": [cls], **config} if cls.startswith("CLIP") else {"_class_name": cls, **config}
    CASES[name] = dict(config=config, batch=batch, size=size, tokens=tokens, dtype=dtype, store=store, taps=taps, time=time)


def cond(name, settings=None, **how):
    case(name, "UNet2DConditionModel", settings, **how)


def plain(name, settings=None, **how):
    case(name, "UNet2DModel", settings, **how)


CROSS2 = dict(down_block_types=["CrossAttnDownBlock2D"] * 2, up_block_types=["CrossAttnUpBlock2D"] * 2)
THREE = dict(block_out_channels=[16, 32, 32], down_block_types=["CrossAttnDownBlock2D"] * 2 + ["DownBlock2D"],
             up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 2)
SIMPLE = dict(block_out_channels=[32, 64], down_block_types=["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"],
              up_block_types=["SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"], cross_attention_dim=32,
              mid_block_type="UNetMidBlock2DSimpleCrossAttn", attention_head_dim=8)

# UNet2DConditionModel: sizes, batches, heads, depths
cond("sd_odd", {**THREE, "layers_per_block": 2}, size=(15, 17), batch=2)
cond("sd_nonsquare", {**THREE, "norm_num_groups": 4}, size=(12, 20), batch=3)
cond("sd_all_taps", taps="all", batch=2)
cond("sd_four_levels", dict(block_out_channels=[16, 16, 32, 32], down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
                            up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3), size=(13, 11))
cond("sd_one_level", dict(block_out_channels=[16], down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"]), size=(5, 9))
cond("sd_minimal", dict(attention_head_dim=8), store=("minimal",), tokens=77)
cond("sd_tokens_1", batch=2, tokens=1)
cond("sd_tokens_154", CROSS2, tokens=154)
cond("sd_48", dict(block_out_channels=[24, 48], attention_head_dim=3, norm_num_groups=12), size=(10, 6))
cond("sd_heads_1_16", {**CROSS2, "attention_head_dim": [1, 16]}, size=(9, 8))
cond("sd_inpaint", dict(in_channels=9), size=(8, 16))
cond("sd_fractional_time", batch=3, time="fractional")
cond("sd_f16_weights", THREE, dtype="f16", store=("fp16",), size=(8, 12))
cond("sd_bf16_shards", CROSS2, dtype="bf16", store=("shards",))
cond("sd_f16_shards", dtype="f16", store=("shards", "fp16"))
cond("sd21", {**THREE, "attention_head_dim": [2, 4, 4], "use_linear_projection": True, "upcast_attention": True}, size=(12, 10), batch=2)
cond("sdxl", dict(down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
                  attention_head_dim=[2, 4], transformer_layers_per_block=[1, 2], use_linear_projection=True,
                  addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=68), batch=2, size=(9, 12))
cond("lists", {**THREE, "layers_per_block": [1, 2, 3], "transformer_layers_per_block": [1, 2, 1], "attention_head_dim": [2, 4, 8],
               "cross_attention_dim": [24, 24, 24]}, size=(12, 12))
cond("cross_dim_list", dict(down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
                            cross_attention_dim=[8, 40]))
cond("depth_2", {**CROSS2, "transformer_layers_per_block": 2, "layers_per_block": 2}, size=(6, 10))
cond("only_cross", {**CROSS2, "only_cross_attention": True})
cond("only_cross_list", {**CROSS2, "only_cross_attention": [True, False]}, batch=2)
cond("mid_none", dict(mid_block_type=None))
cond("no_attention_blocks", dict(down_block_types=["DownBlock2D"] * 2, up_block_types=["UpBlock2D"] * 2), size=(7, 10))
cond("attn_up", dict(up_block_types=["AttnUpBlock2D", "UpBlock2D"], attention_head_dim=8))
cond("attn_down", dict(down_block_types=["AttnDownBlock2D", "CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D", "AttnUpBlock2D"],
                       attention_head_dim=[8, 4]))

# UNet2DConditionModel: embeddings
cond("class_table", dict(num_class_embeds=10), batch=3)
cond("class_timestep", dict(class_embed_type="timestep", act_fn="gelu"), batch=2)
cond("class_identity", dict(class_embed_type="identity"), batch=2)
cond("class_projection", dict(class_embed_type="projection", projection_class_embeddings_input_dim=11))
cond("class_concat", dict(class_embed_type="simple_projection", projection_class_embeddings_input_dim=13, class_embeddings_concat=True), batch=2)
cond("class_simple_projection", dict(class_embed_type="simple_projection", projection_class_embeddings_input_dim=13))
cond("class_table_concat", dict(num_class_embeds=5, class_embeddings_concat=True))
cond("add_text", dict(addition_embed_type="text", addition_embed_type_num_heads=4), batch=2)
cond("add_text_image", dict(addition_embed_type="text_image", encoder_hid_dim_type="text_image_proj", encoder_hid_dim=20), batch=2)
cond("add_image", dict(addition_embed_type="image", encoder_hid_dim_type="image_proj", encoder_hid_dim=20), batch=2)
cond("hid_text_proj", dict(encoder_hid_dim=36))
cond("fourier", dict(time_embedding_type="fourier", act_fn="mish"), batch=2, time="log_sigma", dtype="f16")
cond("fourier_dim", dict(time_embedding_type="fourier", time_embedding_dim=40, flip_sin_to_cos=False), time="log_sigma", dtype="f16")
cond("time_extras", dict(time_embedding_dim=48, time_embedding_act_fn="silu", timestep_post_act="gelu", time_cond_proj_dim=10), batch=2)
cond("time_shift", dict(flip_sin_to_cos=False, freq_shift=1, time_embedding_act_fn="mish"), batch=2)
cond("time_odd_width", dict(block_out_channels=[15, 30], norm_num_groups=5, attention_head_dim=3))

# UNet2DConditionModel: details of the blocks
cond("act_gelu", dict(act_fn="gelu"))
cond("act_mish", {**THREE, "act_fn": "mish"}, size=(10, 12))
cond("act_relu", dict(act_fn="relu"))
cond("act_swish", dict(act_fn="swish", norm_eps=1e-3, norm_num_groups=16))
cond("kernels_5_1", dict(conv_in_kernel=5, conv_out_kernel=1), size=(9, 11))
cond("kernels_1_5", dict(conv_in_kernel=1, conv_out_kernel=5), size=(6, 7))
cond("down_padding_0", {**THREE, "downsample_padding": 0}, size=(12, 8))
cond("down_padding_0_odd", {**THREE, "downsample_padding": 0}, size=(15, 17))
cond("centred", dict(center_input_sample=True, mid_block_scale_factor=1.5), batch=2)
cond("scale_shift", {**THREE, "resnet_time_scale_shift": "scale_shift"}, batch=2)

# UNet2DConditionModel: simple cross-attention and resnet sampling, as in IF and Kandinsky
cond("if", {**SIMPLE, "act_fn": "gelu", "resnet_time_scale_shift": "scale_shift", "cross_attention_norm": "group_norm", "encoder_hid_dim": 24,
            "encoder_hid_dim_type": "text_proj", "addition_embed_type": "text", "addition_embed_type_num_heads": 4, "in_channels": 3,
            "out_channels": 6}, size=(8, 12), batch=2)
cond("if_all_taps", {**SIMPLE, "cross_attention_norm": "group_norm", "resnet_time_scale_shift": "scale_shift"}, taps="all")
cond("simple_layer_norm", {**SIMPLE, "cross_attention_norm": "layer_norm", "cross_attention_dim": 64, "only_cross_attention": True}, batch=2)
cond("simple_mid_only", {**SIMPLE, "only_cross_attention": [False, True], "mid_block_only_cross_attention": False})
cond("simple_mid_only_2", {**SIMPLE, "only_cross_attention": False, "mid_block_only_cross_attention": True})
cond("simple_skip_act", {**SIMPLE, "resnet_skip_time_act": True, "resnet_out_scale_factor": 1.41, "mid_block_scale_factor": 1.2,
                         "resnet_time_scale_shift": "scale_shift"}, size=(12, 4))
cond("simple_norm_none", {**SIMPLE, "layers_per_block": 2, "act_fn": "silu", "norm_num_groups": 16}, batch=3)
cond("simple_head_list", dict(block_out_channels=[32, 64], down_block_types=["SimpleCrossAttnDownBlock2D"] * 2,
                              up_block_types=["SimpleCrossAttnUpBlock2D"] * 2, mid_block_type="UNetMidBlock2DSimpleCrossAttn",
                              attention_head_dim=[8, 16], cross_attention_dim=32))
cond("simple_mixed", dict(down_block_types=["SimpleCrossAttnDownBlock2D", "CrossAttnDownBlock2D"], attention_head_dim=8,
                          up_block_types=["CrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D"]), size=(8, 4))
cond("resnet_cross_mid", dict(down_block_types=["ResnetDownsampleBlock2D"] * 2, up_block_types=["ResnetUpsampleBlock2D"] * 2), batch=2)
cond("kandinsky22", {**SIMPLE, "addition_embed_type": "image", "encoder_hid_dim_type": "image_proj", "encoder_hid_dim": 28,
                     "resnet_time_scale_shift": "scale_shift", "out_channels": 8}, batch=2)

# UNet2DModel
DDPM = dict(flip_sin_to_cos=False, freq_shift=1, downsample_padding=0, norm_eps=1e-6, attention_head_dim=None)
plain("ddpm", {**DDPM, "layers_per_block": 2}, batch=2, store=("old_names",))
plain("ddpm_all_taps", DDPM, taps="all", size=(8, 12))
plain("ddpm_four_levels", {**DDPM, "block_out_channels": [16, 16, 32, 32],
                           "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
                           "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"]}, size=(16, 8))
plain("plain_padding_1", dict(layers_per_block=3), size=(4, 12), batch=3)
plain("plain_resnet_sampling", dict(down_block_types=["AttnDownBlock2D"] * 2, up_block_types=["AttnUpBlock2D"] * 2, downsample_type="resnet",
                                    upsample_type="resnet"), batch=2)
plain("plain_resnet_blocks", dict(down_block_types=["ResnetDownsampleBlock2D"] * 2, up_block_types=["ResnetUpsampleBlock2D"] * 2))
plain("plain_no_mid_attention", dict(add_attention=False))
plain("plain_no_blocks", dict(down_block_types=["DownBlock2D"] * 2, up_block_types=["UpBlock2D"] * 2, attention_head_dim=16), dtype="f16")
plain("plain_heads", dict(attention_head_dim=2, norm_num_groups=16), dtype="bf16")
plain("plain_class_table", dict(num_class_embeds=7), batch=3)
plain("plain_class_timestep", dict(class_embed_type="timestep"), batch=2)
plain("plain_class_identity", dict(class_embed_type="identity"))
plain("plain_scale_shift", dict(resnet_time_scale_shift="scale_shift", mid_block_scale_factor=1.3), batch=2)
plain("plain_fourier", dict(time_embedding_type="fourier"), batch=2, time="sigma", dtype="f16")
plain("plain_act_gelu", dict(act_fn="gelu", center_input_sample=True, in_channels=1, out_channels=2))
plain("plain_single", dict(block_out_channels=[16], down_block_types=["AttnDownBlock2D"], up_block_types=["AttnUpBlock2D"]), size=(7, 9))
plain("plain_minimal", {**DDPM, "act_fn": "swish"}, store=("minimal",))

# autoencoders
case("vae_sd", "AutoencoderKL", dict(block_out_channels=[16, 32, 32], layers_per_block=2, down_block_types=["DownEncoderBlock2D"] * 3,
                                     up_block_types=["UpDecoderBlock2D"] * 3), size=(16, 24), store=("old_names",))
case("vae_attention", "AutoencoderKL", dict(down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
                                            up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"]), size=(8, 8), batch=3, taps="all")
case("vae_grey_16", "AutoencoderKL", dict(in_channels=1, out_channels=1, latent_channels=16, act_fn="gelu", norm_num_groups=4), size=(13, 10))
case("vae_single", "AutoencoderKL", dict(block_out_channels=[24], down_block_types=["DownEncoderBlock2D"], up_block_types=["UpDecoderBlock2D"]),
     size=(9, 7), dtype="f16", store=("fp16",))
case("taesd", "AutoencoderTiny", size=(16, 24), batch=2)
case("taesd_other", "AutoencoderTiny", dict(encoder_block_out_channels=[8] * 4, decoder_block_out_channels=[12] * 4, act_fn="gelu",
                                           num_encoder_blocks=[1, 1, 2, 1], num_decoder_blocks=[2, 1, 1, 1], latent_channels=6),
     size=(24, 16), taps="all")

# CLIP
case("clip_sd15", "CLIPTextModel", store=("position_ids",), batch=2, tokens=77)
case("clip_sd21", "CLIPTextModel", dict(hidden_act="gelu", num_attention_heads=8, num_hidden_layers=3, intermediate_size=128), tokens=77,
     dtype="f16", store=("fp16",))
case("clip_first_end", "CLIPTextModelWithProjection", dict(hidden_act="gelu", eos_token_id=120, layer_norm_eps=1e-6), batch=3, tokens=20, taps="all")
case("clip_largest_id", "CLIPTextModelWithProjection", dict(hidden_act="gelu", projection_dim=40), batch=3, tokens=77)
TOWERS = dict(text_config=dict(SMALL["CLIPTextModel"], hidden_act="gelu", num_attention_heads=2, projection_dim=20), projection_dim=20,
              vision_config=dict(hidden_size=48, intermediate_size=96, num_attention_heads=3, num_hidden_layers=2, image_size=24, patch_size=8,
                                 num_channels=3, hidden_act="gelu", projection_dim=20), model_type="clip")
case("clip_both", "CLIPModel", TOWERS, batch=2, tokens=12)
case("clip_both_quick", "CLIPModel", {**TOWERS, "vision_config": {**TOWERS["vision_config"], "hidden_act": "quick_gelu", "patch_size": 6},
                                      "text_config": {**TOWERS["text_config"], "hidden_act": "quick_gelu", "eos_token_id": 199}}, batch=2, tokens=77)

# beyond
cond("x_dual_cross", dict(dual_cross_attention=True), tokens=82)
cond("x_image_hint", dict(addition_embed_type="image_hint", encoder_hid_dim=20, in_channels=8), size=(4, 4))
cond("x_gated", dict(attention_type="gated"))
plain("x_skip_blocks", dict(block_out_channels=[32, 32], down_block_types=["SkipDownBlock2D", "AttnSkipDownBlock2D"], attention_head_dim=None,
                            up_block_types=["AttnSkipUpBlock2D", "SkipUpBlock2D"], time_embedding_type="fourier", norm_num_groups=None),
      time="sigma", dtype="f16")
case("x_clip_vision", "CLIPVisionModelWithProjection", dict(TOWERS["vision_config"], model_type="clip_vision_model"), batch=2)

# small ones, of every kind, in which faults are planted
FAULT_BASES = ["sd_all_taps", "sd_nonsquare", "sd21", "sdxl", "lists", "if", "simple_layer_norm", "simple_skip_act", "class_projection", "time_shift",
               "ddpm", "plain_resnet_sampling", "plain_class_table", "vae_sd", "vae_attention", "taesd", "clip_sd15", "clip_first_end", "clip_both"]


def kind_of(config):
    name = config.get("_class_name") or config["architectures"][0]
    return "clip" if name.startswith("CLIP") else {"AutoencoderKL": "vae", "AutoencoderTiny": "taesd"}.get(name, "unet")


# ----------------------------------------------------------------------------------------------------------------- inputs
def randn(generator, *shape):
    return torch.randn(*shape, generator=generator)


def integers(generator, low, high, *shape):
    return torch.randint(low, high, shape, generator=generator)


def text_width(c):
    if c.encoder_hid_dim_type in ("text_proj", "text_image_proj"):
        return c.encoder_hid_dim
    return c.cross_attention_dim if isinstance(c.cross_attention_dim, int) else c.cross_attention_dim[-1]


def unet_inputs(model, how, g):
    c, batch, (h, w) = model.config, how["batch"], how["size"]
    channels = c.in_channels - (4 if getattr(c, "addition_embed_type", None) == "image_hint" else 0)
    x = {"sample": randn(g, batch, channels, h, w), "timestep": integers(g, 1, 1000, batch)}
    whole = x["timestep"]
    x["timestep"] = {"whole": whole, "fractional": whole + 0.25, "sigma": whole / 100, "log_sigma": torch.log(whole / 100) / 4}[how["time"]]
    x["cotangent"] = randn(g, batch, c.out_channels, h, w)
    labels = {"timestep": lambda: integers(g, 0, 1000, batch), "identity": lambda: randn(g, batch, model.time_embedding.linear_2.out_features)}
    if c.class_embed_type is not None:
        x["class_labels"] = labels.get(c.class_embed_type, lambda: randn(g, batch, c.projection_class_embeddings_input_dim))()
    elif c.num_class_embeds is not None:
        x["class_labels"] = integers(g, 0, c.num_class_embeds, batch)
    if type(model).__name__ == "UNet2DModel":
        return x
    if c.encoder_hid_dim_type != "image_proj":
        x["encoder_hidden_states"] = randn(g, batch, how["tokens"], text_width(c))
    if c.time_cond_proj_dim is not None:
        x["timestep_cond"] = randn(g, batch, c.time_cond_proj_dim)
    if c.addition_embed_type == "text_time":
        x["text_embeds"] = randn(g, batch, c.projection_class_embeddings_input_dim - 6 * c.addition_time_embed_dim)
        x["time_ids"] = 64.0 * integers(g, 0, 17, batch, 6)
    if c.addition_embed_type == "text_image":
        x["text_embeds"], x["image_embeds"] = randn(g, batch, c.cross_attention_dim), randn(g, batch, c.cross_attention_dim)
    if c.addition_embed_type in ("image", "image_hint"):
        x["image_embeds"] = randn(g, batch, c.encoder_hid_dim)
    if c.addition_embed_type == "image_hint":
        x["hint"] = randn(g, batch, 3, 8 * h, 8 * w)
    return x


def vae_inputs(model, how, g):
    c, batch, (h, w) = model.config, how["batch"], how["size"]
    halve = lambda n: n // 2 ** (len(c.block_out_channels) - 1)     # the encoder pads (0, 1): odd sizes round down
    mean = randn(g, batch, c.latent_channels, halve(h), halve(w))
    latent = randn(g, batch, c.latent_channels, halve(h), halve(w))
    out = [n * 2 ** (len(c.block_out_channels) - 1) for n in latent.shape[2:]]
    return {"image": 0.5 * randn(g, batch, c.in_channels, h, w), "latent": latent, "cotangent_mean": mean,
            "cotangent_image": randn(g, batch, c.out_channels, *out)}


def taesd_inputs(model, how, g):
    c, batch, (h, w) = model.config, how["batch"], how["size"]
    down = 2 ** (len(c.num_encoder_blocks) - 1)
    small = lambda: randn(g, batch, c.latent_channels, h // down, w // down)
    return {"image": 0.5 * randn(g, batch, c.in_channels, h, w), "latent": 2 * small(), "cotangent_latent": small(),
            "cotangent_image": randn(g, batch, c.out_channels, h, w)}


def clip_inputs(model, how, g):
    """Ids: start, words, end, padding of differing length; with an eos_token_id that is not the largest id, larger ids stand
    before the end, and after it too, so that the two rules of pooling (first end token; largest id) give different rows."""
    c, batch, x = model.config, how["batch"], {}
    text, vision = getattr(c, "text_config", c), getattr(c, "vision_config", c)
    if hasattr(model, "text_model"):
        legacy = text.eos_token_id == 2
        end = text.vocab_size - 1 if legacy else text.eos_token_id
        ids = integers(g, 3, end if legacy or end == text.vocab_size - 1 else text.vocab_size, batch, how["tokens"])
        ids[ids == end] = end - 1
        ids[:, 0] = text.bos_token_id
        for row in range(batch):
            at = 3 + int(integers(g, 0, how["tokens"] - 4, 1))
            ids[row, at] = end
            if row != 1:
                ids[row, at + 1:] = (0, 0, end)[row % 3]
        x["input_ids"] = ids
    if hasattr(model, "vision_model"):
        x["pixel_values"] = randn(g, batch, vision.num_channels, vision.image_size, vision.image_size)
        x["cotangent_image_embeds"] = randn(g, batch, c.projection_dim)
    return x


def inputs_for(model, how, seed):
    g = torch.Generator().manual_seed(1000 + seed)
    make = {"unet": unet_inputs, "vae": vae_inputs, "taesd": taesd_inputs, "clip": clip_inputs}[kind_of(how["config"])]
    return make(model, how, g)
