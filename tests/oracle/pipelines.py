"""Writes small pipelines with random weights, as diffusers saves them, and what diffusers samples from them with DDIM, in float64.

    python3 tests/oracle/pipelines.py tests/golden/pipelines

    sd1/    StableDiffusionPipeline after 1.5: PNDM, quick_gelu, the end token by the old rule, bfloat16 weights; a prompt that is too long
    sd2/    after 2.1: v_prediction, gelu, linear projections, "!" pads, float16 under the variant's names, AutoencoderTiny, negative prompt
    sdxl/   StableDiffusionXLPipeline: two text encoders, pooled text and sizes, a UNet in shards, zeros for the empty prompt
    ddpm/   DDPMPipeline: UNet2DModel on pixels, clipped, with noise (eta 0.5); all files in one folder, as google's
    if/     IFPipeline's first stage: states from a file (T5 is declared, and not there), learned variance, dynamic thresholding
    expected.safetensors in each: text, other (states), pooled, latent, image; its metadata: prompt, negative, seed, steps, guidance,
            eta, height, width. The noise is torch.manual_seed(seed); torch.randn(1,C,h,w) in float32.
    schedulers.json: settings of schedulers as published, and what DDIMScheduler.from_config makes of them

Each sample is made a second time by diffusers as it comes, in float32 with its own noise, and must agree to 1e-4.
Needs PyTorch 1.13, diffusers 0.21.4, transformers 4.35; `make test` needs only the files.
"""
import json
import os
import shutil
import sys
import tempfile

import numpy as np
import torch
import diffusers
import transformers
from diffusers import DDIMScheduler

from nets_model import build, save_network, save_tensors
from nets_trace import float64_throughout

MERGES = 200
HERE = os.path.dirname(os.path.abspath(__file__))
UNET = {"_class_name": "UNet2DConditionModel", "sample_size": 8, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]}
VAE = {"_class_name": "AutoencoderKL", "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4, "latent_channels": 4,
       "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2, "sample_size": 16}
TEXT = {"architectures": ["CLIPTextModel"], "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2,
        "max_position_embeddings": 16}
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "set_alpha_to_one": False, "steps_offset": 1}


def tokenizer(pad):
    """CLIP's alphabet and its first merges."""
    source = os.path.join(HERE, "..", "golden", "tokenizer")
    with open(os.path.join(source, "vocab.json"), encoding="utf-8") as f:
        words = sorted(json.load(f).items(), key=lambda item: item[1])
    words = [w for w, i in words[:512 + MERGES]] + ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(source, "merges.txt"), encoding="utf-8") as f:
            merges = f.read().split("\n")[:1 + MERGES]
        with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join(merges) + "\n")
        with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as f:
            json.dump({w: i for i, w in enumerate(words)}, f, ensure_ascii=False)
        return transformers.CLIPTokenizer(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"), pad_token=pad,
                                          model_max_length=TEXT["max_position_embeddings"])


def text_config(**changes):
    last = 512 + MERGES + 1
    return {**TEXT, "vocab_size": last + 1, "bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last, **changes}


# ------------------------------------------------------------------------------------------------------------------ cases
class Case:
    """parts: name -> module or tokenizer or None; networks: name -> (config, dtype, store)"""
    def __init__(self, pipeline, scheduler, networks, others, **settings):
        self.pipeline, self.scheduler, self.networks, self.settings = pipeline, scheduler, networks, {"eta": 0.0, **settings}
        self.parts = dict(others)
        for i, (name, (config, dtype, store)) in enumerate(networks.items()):
            self.parts[name] = build(config, 100 + i, dtype)


def sd1():
    networks = {"unet": ({**UNET, "cross_attention_dim": 16, "attention_head_dim": 2}, "bf16", ()),
                "vae": ({**VAE, "scaling_factor": 0.18215}, "bf16", ("old_names",)),
                "text_encoder": (text_config(hidden_act="quick_gelu", eos_token_id=2), "bf16", ("position_ids",))}
    scheduler = diffusers.PNDMScheduler(**SD, skip_prk_steps=True)
    others = {"tokenizer": tokenizer("<|endoftext|>"), "safety_checker": None, "feature_extractor": None}
    return Case(diffusers.StableDiffusionPipeline, scheduler, networks, others, prompt="A red mug, on the table in the other room", seed=3,
                steps=4, guidance=7.5, height=16, width=16)


def sd2():
    networks = {"unet": ({**UNET, "cross_attention_dim": 16, "attention_head_dim": [2, 4], "use_linear_projection": True}, "f16", ("fp16",)),
                "vae": ({"_class_name": "AutoencoderTiny", "encoder_block_out_channels": [8, 8], "decoder_block_out_channels": [8, 8], "block_out_channels": [8, 8],
                         "num_encoder_blocks": [1, 1], "num_decoder_blocks": [1, 1], "scaling_factor": 1.0}, "f16", ("fp16",)),
                "text_encoder": (text_config(hidden_act="gelu", num_hidden_layers=3), "f16", ("fp16",))}
    scheduler = DDIMScheduler(**SD, prediction_type="v_prediction", clip_sample=False)
    others = {"tokenizer": tokenizer("!"), "safety_checker": None, "feature_extractor": None}
    return Case(diffusers.StableDiffusionPipeline, scheduler, networks, others, prompt="the other one", negative="a thing", seed=11, steps=5,
                guidance=7.5, height=24, width=16)


def sdxl():
    unet = {**UNET, "cross_attention_dim": 40, "attention_head_dim": [2, 4], "use_linear_projection": True, "transformer_layers_per_block": [1, 2],
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            "addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 6 * 8 + 20}
    second = text_config(architectures=["CLIPTextModelWithProjection"], hidden_act="gelu", hidden_size=24, projection_dim=20, num_hidden_layers=3,
                         num_attention_heads=3)
    networks = {"unet": (unet, "f16", ("shards",)), "vae": ({**VAE, "scaling_factor": 0.13025}, "f16", ()),
                "text_encoder": (text_config(hidden_act="quick_gelu"), "f16", ()), "text_encoder_2": (second, "f16", ())}
    scheduler = diffusers.EulerDiscreteScheduler(**{k: v for k, v in SD.items() if k != "set_alpha_to_one"}, timestep_spacing="leading")
    others = {"tokenizer": tokenizer("<|endoftext|>"), "tokenizer_2": tokenizer("!")}
    return Case(diffusers.StableDiffusionXLPipeline, scheduler, networks, others, prompt="an old man and the sea", seed=0, steps=4, guidance=5.0,
                height=16, width=24)


def ddpm():
    unet = {"_class_name": "UNet2DModel", "sample_size": 8, "in_channels": 3, "out_channels": 3, "block_out_channels": [8, 16], "layers_per_block": 1,
            "norm_num_groups": 4, "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
            "attention_head_dim": None, "flip_sin_to_cos": False, "freq_shift": 1, "downsample_padding": 0, "norm_eps": 1e-6}
    scheduler = diffusers.DDPMScheduler(beta_schedule="linear", variance_type="fixed_large", clip_sample=True)
    return Case(diffusers.DDPMPipeline, scheduler, {"unet": (unet, "f16", ("old_names",))}, {}, prompt="", seed=5, steps=6, guidance=7.5, height=8,
                width=8, eta=0.5)


def deepfloyd():
    unet = {**UNET, "in_channels": 3, "out_channels": 6, "act_fn": "gelu", "resnet_time_scale_shift": "scale_shift", "cross_attention_dim": 32,
            "cross_attention_norm": "group_norm", "encoder_hid_dim": 24, "encoder_hid_dim_type": "text_proj", "addition_embed_type": "text",
            "addition_embed_type_num_heads": 4, "attention_head_dim": 8, "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
            "down_block_types": ["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"],
            "up_block_types": ["SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"]}
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="learned_range", thresholding=True,
                                        dynamic_thresholding_ratio=0.95, sample_max_value=1.5)
    others = {"text_encoder": None, "tokenizer": None, "safety_checker": None, "feature_extractor": None, "watermarker": None}
    return Case(diffusers.IFPipeline, scheduler, {"unet": (unet, "f16", ())}, others, prompt="", seed=7, steps=6, guidance=7.0, height=8, width=8)


# ----------------------------------------------------------------------------------------------------------------- sampling
def double_schedule(scheduler):
    """alphas_cumprod in float64: diffusers makes them in float32."""
    c = scheduler.config
    if c.beta_schedule == "squaredcos_cap_v2":
        f = lambda x: np.cos((x + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.array([min(1 - f((i + 1) / 1000) / f(i / 1000), 0.999) for i in range(1000)])
    elif c.beta_schedule == "linear":
        betas = np.linspace(c.beta_start, c.beta_end, 1000)
    else:
        betas = np.linspace(c.beta_start ** 0.5, c.beta_end ** 0.5, 1000) ** 2
    scheduler.alphas_cumprod = torch.from_numpy(np.cumprod(1 - betas))
    scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64) if c.set_alpha_to_one else scheduler.alphas_cumprod[0]


def by_hand(case, unet, scheduler, x, embeds, generator):
    """Pixel models: their pipelines take no latents. The noise of steps comes from the same generator as the start, in float32."""
    eta = case.settings["eta"]
    scheduler.set_timesteps(case.settings["steps"])
    for t in scheduler.timesteps:
        if embeds is None:
            e = unet(x, t).sample
        else:
            both = torch.cat([embeds["negative_prompt_embeds"], embeds["prompt_embeds"]]).to(x.dtype)
            e = unet(torch.cat([x, x]), t, encoder_hidden_states=both).sample[:, :3]
            e = e[:1] + case.settings["guidance"] * (e[1:] - e[:1])
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x.dtype) if eta > 0 else None
        x = scheduler.step(e, t, x, eta=eta, variance_noise=noise).prev_sample
    return x


def image_of(parts, latent):
    vae = parts.get("vae")
    x = latent if vae is None else vae.decode(latent / vae.config.scaling_factor).sample
    return (x / 2 + 0.5).clamp(0, 1)


def states(pipe, case):
    """-> prompt's states, the others, pooled or None, as the pipeline passes them to its UNet"""
    prompt, negative = case.settings["prompt"], case.settings.get("negative")
    if isinstance(pipe, diffusers.StableDiffusionXLPipeline):
        return pipe.encode_prompt(prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, negative_prompt=negative)[:3]
    return (*pipe.encode_prompt(prompt, "cpu", 1, True, negative_prompt=negative), None)


def sample(case, pipe, embeds, dtype):
    """-> results by name. float32: everything as diffusers does it, its noise included."""
    s, results, exact = case.settings, {}, dtype == torch.float64
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    if "vae" in case.parts:
        pipe.scheduler.register_to_config(clip_sample=False)      # PNDM's settings do not name it, and DDIM's default would clip latents
    if exact:
        double_schedule(pipe.scheduler)
    unet = pipe.unet
    scale = pipe.vae_scale_factor if "vae" in case.parts else 1
    shape = (1, unet.config.in_channels, s["height"] // scale, s["width"] // scale)
    generator = torch.Generator().manual_seed(s["seed"])
    noise = torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)
    if "vae" not in case.parts:
        results["latent"] = by_hand(case, unet, pipe.scheduler, noise, embeds, generator)
    else:
        start = {"latents": noise} if exact else {"generator": torch.Generator().manual_seed(s["seed"])}
        results["latent"] = pipe(s["prompt"], negative_prompt=s.get("negative"), height=s["height"], width=s["width"], num_inference_steps=s["steps"],
                                 guidance_scale=s["guidance"], output_type="latent", **start).images
        results["text"], results["other"], pooled = states(pipe, case)
        if pooled is not None:
            results["pooled"] = pooled
    results["image"] = image_of(case.parts, results["latent"])
    return results


def relative(a, b):
    return float((a.double() - b.double()).norm() / b.double().norm().clamp(min=1e-300))


# ------------------------------------------------------------------------------------------------------------------ writing
def save(case, pipe, folder):
    """As save_pretrained does, but for the weights: their type, names and files are the case's."""
    if os.path.isdir(folder):
        shutil.rmtree(folder)
    pipe.save_pretrained(folder, safe_serialization=True)
    for name, (config, dtype, store) in case.networks.items():
        part = os.path.join(folder, name)
        for f in os.listdir(part):
            if f != "config.json":
                os.remove(os.path.join(part, f))
        with open(os.path.join(part, "config.json")) as f:
            text = f.read()
        save_network(case.parts[name], config, part, dtype, store)
        with open(os.path.join(part, "config.json"), "w") as f:
            f.write(text)


def declare(folder, **parts):
    path = os.path.join(folder, "model_index.json")
    with open(path) as f:
        index = json.load(f)
    with open(path, "w") as f:
        json.dump({**index, **parts}, f, indent=2)


def flatten(folder):
    """As google/ddpm-cifar10-32: the parts' files beside model_index.json."""
    for part in ("unet", "scheduler"):
        for f in os.listdir(os.path.join(folder, part)):
            os.rename(os.path.join(folder, part, f), os.path.join(folder, f))
        os.rmdir(os.path.join(folder, part))


def write(name, case, out):
    folder, embeds = os.path.join(out, name), None
    pipe = case.pipeline(**case.parts, scheduler=case.scheduler,
                         **({"requires_safety_checker": False} if "safety_checker" in case.parts else {}))
    pipe.set_progress_bar_config(disable=True)
    save(case, pipe, folder)
    if name == "sd1":       # as published; the folders are not needed
        declare(folder, safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"], feature_extractor=["transformers", "CLIPImageProcessor"])
    if name == "ddpm":
        flatten(folder)
    if name == "if":
        declare(folder, text_encoder=["transformers", "T5EncoderModel"], tokenizer=["transformers", "T5Tokenizer"])
        generator = torch.Generator().manual_seed(1)
        embeds = {k: torch.randn(1, 5, 24, generator=generator).half().float() for k in ("prompt_embeds", "negative_prompt_embeds")}
        save_tensors(os.path.join(folder, "embeds.safetensors"), embeds, {})
    single = sample(case, pipe, embeds, torch.float32)
    pipe.scheduler = case.scheduler
    with float64_throughout():
        pipe.to(torch_dtype=torch.float64)
        results = sample(case, pipe, embeds, torch.float64)
    for k, v in results.items():
        assert v.dtype == torch.float64, (name, k)
        print(f"{name:5} {k:7} {str(list(v.shape)):15} norm {float(v.norm()):9.4f}   float32 {relative(single[k], v):.1e}")
        assert relative(single[k], v) < 1e-4, (name, k)
    meta = {k: str(v) for k, v in case.settings.items()}
    save_tensors(os.path.join(folder, "expected.safetensors"), {k: v[0].contiguous() for k, v in results.items()}, meta)


# --------------------------------------------------------------------------------------------------------------- schedulers
PUBLISHED = {
    "stable-diffusion-v1-5": {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", **SD, "num_train_timesteps": 1000, "skip_prk_steps": True,
                              "trained_betas": None, "clip_sample": False},
    "saved again by a later version": {"_class_name": "PNDMScheduler", "_diffusers_version": "0.27.2", **SD, "num_train_timesteps": 1000,
                                       "prediction_type": "epsilon", "skip_prk_steps": True, "timestep_spacing": "leading", "trained_betas": None},
    "stable-diffusion-2-1": {"_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", **SD, "clip_sample": False, "num_train_timesteps": 1000,
                             "prediction_type": "v_prediction", "skip_prk_steps": True, "trained_betas": None},
    "stable-diffusion-xl-base-1.0": {"_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", **SD, "clip_sample": False,
                                     "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0,
                                     "skip_prk_steps": True, "timestep_spacing": "leading", "trained_betas": None, "use_karras_sigmas": False},
    "ddpm-cifar10-32": {"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02, "beta_schedule": "linear",
                        "beta_start": 0.0001, "clip_sample": True, "num_train_timesteps": 1000, "trained_betas": None, "variance_type": "fixed_large"},
    "IF-I": {"_class_name": "DDPMScheduler", "_diffusers_version": "0.16.0.dev0", "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2",
             "beta_start": 0.0001, "clip_sample": True, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.95, "num_train_timesteps": 1000,
             "prediction_type": "epsilon", "sample_max_value": 1.5, "thresholding": True, "trained_betas": None, "variance_type": "learned_range"},
    "nothing but the class": {"_class_name": "DDIMScheduler"},
}


def write_schedulers(path):
    made = {}
    for name, config in PUBLISHED.items():
        c = DDIMScheduler.from_config(config).config
        keys = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type", "timestep_spacing", "steps_offset",
                "set_alpha_to_one", "clip_sample", "clip_sample_range", "thresholding", "dynamic_thresholding_ratio", "sample_max_value")
        made[name] = {"config": config, "ddim": {k: c[k] for k in keys}}
    with open(path, "w") as f:
        json.dump(made, f, indent=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    os.makedirs(sys.argv[1], exist_ok=True)
    for pipeline_name, make in (("sd1", sd1), ("sd2", sd2), ("sdxl", sdxl), ("ddpm", ddpm), ("if", deepfloyd)):
        write(pipeline_name, make(), sys.argv[1])
    write_schedulers(os.path.join(sys.argv[1], "schedulers.json"))
    with open(os.path.join(HERE, "..", "golden", "tokenizer", "LICENSE")) as licence:
        text = licence.read().partition("\n")[2]
    with open(os.path.join(sys.argv[1], "LICENSE"), "w") as f:
        f.write("This licence covers the files vocab.json and merges.txt below: the beginning of those of OpenAI's CLIP.\n" + text)
