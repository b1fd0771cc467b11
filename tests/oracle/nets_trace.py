"""One traced evaluation of a network: inputs, every tapped module's output in the order of computation, results, gradients.

Precision
    f64   float64 throughout: the sinusoidal time embedding and softmax too, where diffusers would drop to float32.
    f32   the plain model.
    f16, bf16   the model converted to that type, every PyTorch operation computed in float32 from the half-precision
          operands and its result rounded (what a GPU does, but for the order of sums), since CPU kernels for halves are
          missing or sum in half precision. Where the model itself asks for float32 (time_proj, upcast softmax) it gets it.
A tensor is stored in the type it had. So time_proj is F32 in a half-precision trace, as in any dump with hooks.
Gradients are left out of half-precision traces.
"""
import contextlib
import math
import re

import torch
import diffusers.models.embeddings as embeddings
import diffusers.models.resnet as resnet
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from nets_model import DTYPES

HALVES = (torch.float16, torch.bfloat16)


# -------------------------------------------------------------------------------------------------------------- precision
def timestep_embedding_f64(timesteps, embedding_dim, flip_sin_to_cos=False, downscale_freq_shift=1, scale=1, max_period=10000):
    half = embedding_dim // 2
    rate = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float64) / (half - downscale_freq_shift))
    angle = scale * timesteps[:, None].double() * rate[None, :]
    parts = [torch.cos(angle), torch.sin(angle)] if flip_sin_to_cos else [torch.sin(angle), torch.cos(angle)]
    return torch.nn.functional.pad(torch.cat(parts, dim=-1), (0, embedding_dim % 2))


@contextlib.contextmanager
def float64_throughout():
    saved = torch.Tensor.float, embeddings.get_timestep_embedding
    torch.Tensor.float = lambda t: t if t.dtype == torch.float64 else saved[0](t)
    embeddings.get_timestep_embedding = timestep_embedding_f64
    torch.set_default_dtype(torch.float64)      # transformers makes its causal mask in the default type
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.Tensor.float, embeddings.get_timestep_embedding = saved


class RoundEveryOperation(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, floats = kwargs or {}, []
        tree_map(lambda a: floats.append(a) if isinstance(a, torch.Tensor) and a.is_floating_point() else None, (args, kwargs))
        halves = [a.dtype for a in floats if a.dtype in HALVES]
        name = func.__name__.split(".")[0]
        if not halves or name in ("_to_copy", "copy_", "detach", "clone", "empty_like"):
            return func(*args, **kwargs)
        wide = all(a.dtype in HALVES or a.dim() == 0 for a in floats)
        if not wide and name in ("addmm", "mm", "bmm", "baddbmm", "convolution"):
            raise RuntimeError("expected one scalar type")      # as PyTorch does
        widen = lambda a: a.float() if isinstance(a, torch.Tensor) and a.dtype in HALVES else a
        narrow = lambda a: a.to(halves[0]) if wide and isinstance(a, torch.Tensor) and a.dtype == torch.float32 else a
        result = tree_map(narrow, func(*tree_map(widen, args), **tree_map(widen, kwargs)))
        return args[0].copy_(result) if name.endswith("_") else result


def upfirdn2d_any(tensor, kernel, up=1, down=1, pad=(0, 0), inner=resnet.upfirdn2d_native):
    return inner(tensor, kernel.to(tensor.dtype), up=up, down=down, pad=pad)


def baddbmm_zero(base, a, b, beta, alpha, inner=torch.baddbmm):
    """TRAP: with beta = 0, PyTorch 1.13 multiplies uninitialised memory by 0 where the product is small: NaN, now and then."""
    return inner(base if beta else torch.zeros_like(base), a, b, beta=1, alpha=alpha)


resnet.upfirdn2d_native = upfirdn2d_any     # the original leaves the kernel in float32 and refuses other images
torch.baddbmm = baddbmm_zero


def converted(model, precision):
    return model.to(DTYPES[precision.upper()])


def context(precision):
    return {"f64": float64_throughout, "f32": contextlib.nullcontext}.get(precision, RoundEveryOperation)()


# ------------------------------------------------------------------------------------------------------------------- taps
BLOCK = r"(down_blocks|up_blocks)\.\d+|mid_block"
GOLDEN = re.compile("|".join((
    r"(encoder\.|decoder\.)?(conv_in|conv_norm_out|conv_act|conv_out|%s)" % BLOCK,
    r"(encoder\.|decoder\.)?(%s)\.(resnets|attentions|downsamplers|upsamplers)\.\d+" % BLOCK,
    r"mid_block\.resnets\.\d+\.time_emb_proj",
    r"mid_block\.attentions\.\d+\.(norm|proj_in|proj_out|group_norm|norm_cross|to_q|to_k|to_v|add_k_proj|add_v_proj)",
    r"time_proj|add_time_proj|encoder_hid_proj|quant_conv|post_quant_conv",
    r"(time_embedding|class_embedding|add_embedding)(\.(linear_1|linear_2|proj|text_proj|image_proj|pool(\.[qkv]_proj)?))?",
    r"(encoder|decoder)\.layers\.\d+",
    r"(text_model|vision_model)\.(embeddings|encoder\.layers\.\d+|final_layer_norm|pre_layrnorm|post_layernorm)",
    r"text_projection|visual_projection")))


BLOCKS = re.compile("|".join((
    r"(encoder\.|decoder\.)?(conv_in|conv_out|%s)|time_embedding" % BLOCK,
    r"((encoder|decoder)|(text_model|vision_model)\.encoder)\.layers\.\d+")))


def first_tensor(output):
    while not isinstance(output, torch.Tensor):
        output = next(iter(output.values())) if hasattr(output, "values") else output[0]
    return output


def tapped(model, taps):
    """Module paths. golden: those of the golden files. all: every module, without dropouts. blocks: few. These leave out what runs
    more than once (the activation of a resnet; time_proj where class labels are timesteps). naive: what a loop over named_modules()
    gives, where a module that runs twice keeps its last output. Or a comma-separated list."""
    names = [n for n, m in model.named_modules() if n]
    if taps in ("golden", "blocks"):
        return [n for n in names if (GOLDEN if taps == "golden" else BLOCKS).fullmatch(n)]
    if taps == "all":
        return [n for n in names if not isinstance(model.get_submodule(n), torch.nn.Dropout)]
    if taps == "naive":
        return names
    return taps.split(",")


@contextlib.contextmanager
def recording(model, taps, out):
    """Fills out: act.<path> -> tensor, in the order in which the modules finish. A planted fault may sit between a module and
    its readers: module.late changes what they get, after it was recorded."""
    calls, handles = {}, []
    for path in tapped(model, taps):
        def hook(module, args, output, path=path):
            try:
                value = first_tensor(output).detach().clone()
            except (StopIteration, IndexError, TypeError):
                return
            calls[path] = calls.get(path, 0) + 1
            out["act." + path] = value
        handles.append(model.get_submodule(path).register_forward_hook(hook))
    for module in model.modules():
        if hasattr(module, "late"):
            handles.append(module.register_forward_hook(lambda module, args, output: module.late(output)))
    try:
        yield
    finally:
        for h in handles:
            h.remove()
        if taps != "naive":
            for path in [p for p, n in calls.items() if n > 1]:
                del out["act." + path]


# ------------------------------------------------------------------------------------------------------------------ kinds
def selection(model):
    """Parameters whose gradient is recorded: both ends, the time embedding, one in nine of the others."""
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    ends = [n for n in names if re.match(r"(conv_in|conv_out|time_embedding)\.", n)]
    return ends + [n for n in names if n not in ends][4::9]


def trace_unet(model, given, taps, grads, out):
    x = given["sample"].requires_grad_(bool(grads))
    added = {k: given[k] for k in ("text_embeds", "time_ids", "image_embeds", "hint") if k in given}
    words = {k: given[k] for k in ("encoder_hidden_states", "class_labels", "timestep_cond") if k in given}
    if added:
        words["added_cond_kwargs"] = added
    if type(model).__name__ == "UNet2DConditionModel":
        words.setdefault("encoder_hidden_states", None)
    with recording(model, taps, out):
        y = model(x, given["timestep"], **words).sample
    out["out.sample"] = y
    if grads:
        chosen = selection(model) if grads != "all" else [n for n, p in model.named_parameters() if p.requires_grad]
        parameters = dict(model.named_parameters())
        g = torch.autograd.grad((y * given["cotangent"]).sum(), [x] + [parameters[n] for n in chosen], allow_unused=True)
        out["out.grad_sample"] = g[0]
        norms = {n: float(v.norm()) for n, v in zip(chosen, g[1:]) if v is not None}
        middle = sorted(norms.values())[len(norms) // 2]
        for n, v in zip(chosen, g[1:]):     # a bias before a norm, or of the keys, has gradient 0: no relative error
            if norms.get(n, 0.0) > 1e-3 * middle:
                out["out.grad." + n] = v


def gradient(out, name, y, cotangent, x, grads):
    if grads:
        out[name] = torch.autograd.grad((y * cotangent).sum(), x)[0]


def trace_vae(model, given, taps, grads, out):
    image, latent = given["image"].requires_grad_(bool(grads)), given["latent"].requires_grad_(bool(grads))
    with recording(model, taps, out):
        latent_dist = model.encode(image).latent_dist
        out["out.mean"], out["out.logvar"] = latent_dist.mean, latent_dist.logvar
        decoded = model.decode(latent).sample
    out["out.image"] = decoded
    gradient(out, "out.grad_image", latent_dist.mean, given["cotangent_mean"], image, grads)
    gradient(out, "out.grad_latent", decoded, given["cotangent_image"], latent, grads)


def trace_taesd(model, given, taps, grads, out):
    image, latent = given["image"].requires_grad_(bool(grads)), given["latent"].requires_grad_(bool(grads))
    with recording(model, taps, out):
        encoded = model.encode(image).latents
        out["out.latent"] = encoded
        decoded = model.decode(latent).sample
    out["out.image"] = decoded
    gradient(out, "out.grad_image", encoded, given["cotangent_latent"], image, grads)
    gradient(out, "out.grad_latent", decoded, given["cotangent_image"], latent, grads)


def trace_clip(model, given, taps, grads, out):
    """A model without a text projection has out.text.pooler_output (transformers' name) in place of out.text_embeds."""
    with recording(model, taps, out):
        if "input_ids" in given:
            text = model.text_model(input_ids=given["input_ids"])
            out["out.text.last_hidden_state"] = text.last_hidden_state
            if hasattr(model, "text_projection"):
                out["out.text_embeds"] = model.text_projection(text.pooler_output)
            else:
                out["out.text.pooler_output"] = text.pooler_output
        if "pixel_values" in given:
            pixels = given["pixel_values"].requires_grad_(bool(grads))
            image = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
            out["out.image_embeds"] = image
            gradient(out, "out.grad_pixel_values", image, given["cotangent_image_embeds"], pixels, grads)


KINDS = {"unet": trace_unet, "vae": trace_vae, "taesd": trace_taesd, "clip": trace_clip}


def trace(kind, model, inputs, precision, taps="golden", grads="some"):
    """inputs: name without "in." -> tensor. -> results in the order of computation. The model's type is changed."""
    model = converted(model, precision)
    grads = grads if precision in ("f64", "f32") and grads != "none" else ""
    given = {k: v if v.dtype == torch.int64 else v.detach().to(DTYPES[precision.upper()]) for k, v in inputs.items()}
    if "timestep" in given:     # never a half; double even if whole, since log(I64) would be float32
        given["timestep"] = inputs["timestep"].double() if precision == "f64" else inputs["timestep"]
    out = {}
    with torch.set_grad_enabled(bool(grads)), context(precision):
        KINDS[kind](model, given, taps, grads, out)
    return {k: v.detach() for k, v in out.items()}
