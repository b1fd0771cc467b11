"""Faults planted into a PyTorch model before it is traced, while the stored weights stay clean.

    places(model)                      kind -> paths where it can be planted
    detail = plant(model, kind, path, random.Random(seed))

A plant changes the module at `path` (weights, attributes or its forward) and says what it did. Some have no effect on some
modules (a convolution kernel of 1x1 has no padding); that raises Unfit, or shows when clean and faulty traces are compared.
A fault between modules (a sum left out) is planted with `late` (nets_trace.py), so that the modules' own outputs are recorded right.
TRAP: a planted model holds closures on its own modules: never copy it.
"""
import torch
import torch.nn.functional as F
from torch import nn
import diffusers.models.embeddings as embeddings
from diffusers.models.attention import BasicTransformerBlock, GEGLU
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import Downsample2D, ResnetBlock2D, Upsample2D
from diffusers.models.transformer_2d import Transformer2DModel
from transformers.activations import ACT2FN, GELUActivation, QuickGELUActivation
from transformers.models.clip.modeling_clip import CLIPAttention, CLIPEncoder, CLIPEncoderLayer, CLIPTextTransformer


class Unfit(Exception):
    pass


FAULTS = {}


def fault(kind, where):
    """where: a class, a tuple of classes, or a test(model, path, module)."""
    test = where if not isinstance(where, (type, tuple)) else lambda model, path, module: isinstance(module, where)
    return lambda function: FAULTS.__setitem__(kind, (test, function))


def places(model):
    found = {k: [p for p, m in model.named_modules() if p and test(model, p, m)] for k, (test, _) in FAULTS.items()}
    return {k: v for k, v in found.items() if v}


def plant(model, kind, path, rng):
    with torch.no_grad():
        return FAULTS[kind][1](model, path, model.get_submodule(path), rng)


# ---------------------------------------------------------------------------------------------------------------- helpers
def wrap(module, change):
    """forward(...) becomes change(forward, ...)"""
    inner = module.forward
    module.forward = lambda *args, **kwargs: change(inner, *args, **kwargs)


def replace(model, path, module):
    parent, _, leaf = path.rpartition(".")
    model.get_submodule(parent)._modules[leaf] = module


def fit(condition):
    if not condition:
        raise Unfit


def has(name):
    return lambda model, path, module: isinstance(getattr(module, name, None), (torch.Tensor, nn.Module))


def other_divisor(rng, n, now):
    choice = [d for d in range(1, n + 1) if n % d == 0 and d != now]
    fit(choice)
    return rng.choice(choice)


# ---------------------------------------------------------------------------------------------------------------- weights
@fault("weight-one", has("weight"))
def _(model, path, m, rng):
    i, factor = rng.randrange(m.weight.numel()), rng.choice([-1.0, 0.0, 2.0, 1.1])
    m.weight.view(-1)[i] *= factor
    return f"weight element {i} times {factor}"


@fault("weight-noise", has("weight"))
def _(model, path, m, rng):
    share, g = rng.choice([0.001, 0.01, 0.1]), torch.Generator().manual_seed(rng.randrange(1 << 30))
    m.weight += share * m.weight.std(unbiased=False) * torch.randn(m.weight.shape, generator=g)
    return f"weight perturbed by {share} of its deviation"


@fault("weight-rounded", has("weight"))
def _(model, path, m, rng):
    kept = rng.choice([4, 7])
    m.weight.copy_(torch.ldexp(*(lambda f, e: (torch.round(f * 2 ** kept) / 2 ** kept, e))(*torch.frexp(m.weight))))
    return f"weight rounded to {kept} bits"


@fault("weight-transposed", (nn.Linear, nn.Conv2d))
def _(model, path, m, rng):
    square = isinstance(m, nn.Conv2d) or m.weight.shape[0] == m.weight.shape[1]
    fit(square and m.weight.shape[-1] > 1)
    m.weight.copy_(m.weight.transpose(-1, -2).clone())
    return "last two axes of the weight exchanged"


@fault("kernel-flipped", nn.Conv2d)
def _(model, path, m, rng):
    fit(m.weight.shape[-1] > 1)
    m.weight.copy_(m.weight.flip(2, 3))
    return "kernel turned by 180 degrees"


@fault("rows-swapped", (nn.Linear, nn.Conv2d))
def _(model, path, m, rng):
    i, j = rng.sample(range(m.weight.shape[0]), 2)
    m.weight[[i, j]] = m.weight[[j, i]]
    return f"output channels {i} and {j} exchanged in the weight"


@fault("bias-dropped", has("bias"))
def _(model, path, m, rng):
    m.bias.zero_()
    return "bias 0"


@fault("embedding-index", nn.Embedding)
def _(model, path, m, rng):
    wrap(m, lambda inner, ids: inner((ids + 1).clamp(max=m.num_embeddings - 1)))
    return "row of the next index"


# ------------------------------------------------------------------------------------------------------------------ norms
NORMS = (nn.GroupNorm, nn.LayerNorm)


@fault("norm-eps", NORMS)
def _(model, path, m, rng):
    was, m.eps = m.eps, rng.choice([e for e in (1e-6, 1e-5, 1e-3, 1e-2) if e != m.eps])
    return f"eps {was} -> {m.eps}"


@fault("norm-groups", nn.GroupNorm)
def _(model, path, m, rng):
    was, m.num_groups = m.num_groups, other_divisor(rng, m.num_channels, m.num_groups)
    return f"groups {was} -> {m.num_groups}"


@fault("norm-affine", NORMS)
def _(model, path, m, rng):
    m.weight.fill_(1)
    m.bias.zero_()
    return "weight 1 and bias 0"


@fault("norm-dropped", NORMS)
def _(model, path, m, rng):
    wrap(m, lambda inner, x: x)
    return "not applied"


@fault("norm-unbiased", NORMS)
def _(model, path, m, rng):
    def change(inner, x):
        n = x.shape[-1] if isinstance(m, nn.LayerNorm) else x[0].numel() // m.num_groups
        fit(n > 1)
        bias = m.bias.view([-1] + [1] * (x.dim() - 2)) if isinstance(m, nn.GroupNorm) else m.bias
        return bias + (inner(x) - bias) * ((n - 1) / n) ** 0.5
    wrap(m, change)
    return "variance divided by n - 1"


# ------------------------------------------------------------------------------------------------------------ activations
ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "gelu-tanh": lambda: nn.GELU("tanh"), "relu": nn.ReLU, "mish": nn.Mish,
               "quick-gelu": lambda: ACT2FN["quick_gelu"], "identity": nn.Identity}


@fault("activation", (nn.SiLU, nn.GELU, nn.ReLU, nn.Mish, GELUActivation, QuickGELUActivation))
def _(model, path, m, rng):
    name = rng.choice(sorted(ACTIVATIONS))
    replace(model, path, ACTIVATIONS[name]())
    return f"{type(m).__name__} -> {name}"


@fault("geglu-activation", GEGLU)
def _(model, path, m, rng):
    name = rng.choice(["silu", "gelu-tanh", "quick-gelu", "relu"])
    activation = ACTIVATIONS[name]()
    m.gelu = lambda x: activation(x)
    return f"gelu -> {name}"


@fault("geglu-halves", GEGLU)
def _(model, path, m, rng):
    def swapped(x, scale=1.0):
        gate, value = m.proj(x, scale).chunk(2, dim=-1)
        return value * m.gelu(gate)
    m.forward = swapped
    return "halves swapped"


# ----------------------------------------------------------------------------------------------- convolution and sampling
@fault("conv-padding", nn.Conv2d)
def _(model, path, m, rng):
    p, mode = m.padding[0], rng.choice(["replicate", "circular", "reflect", "shifted"])
    fit(p > 0)
    m.padding = (0, 0)
    sides, how = ([2 * p, 0, p, p], "constant") if mode == "shifted" else ([p] * 4, mode)
    wrap(m, lambda inner, x, *args: inner(F.pad(x, sides, mode=how), *args))
    return f"zero padding -> {mode}"


@fault("down-padding", Downsample2D)
def _(model, path, m, rng):
    fit(m.use_conv)
    m.padding = 1 - m.padding
    m.conv.padding = (m.padding, m.padding)
    return f"padding -> {m.padding}" + (", (0, 1) on both axes" if m.padding == 0 else "")


@fault("down-pool", nn.AvgPool2d)
def _(model, path, m, rng):
    mode = rng.choice(["maximum", "first pixel"])
    replace(model, path, nn.MaxPool2d(2, 2))
    if mode == "first pixel":
        wrap(model.get_submodule(path), lambda inner, x: x[:, :, :x.shape[2] // 2 * 2:2, :x.shape[3] // 2 * 2:2])
    return f"average -> {mode}"


@fault("up-mode", (Upsample2D, nn.Upsample))
def _(model, path, m, rng):
    def change(inner, *args, **kwargs):
        saved, F.interpolate = F.interpolate, lambda x, *a, **k: saved(x, k.get("size"), k.get("scale_factor"), "bilinear")
        try:
            return inner(*args, **kwargs)
        finally:
            F.interpolate = saved
    if isinstance(m, nn.Upsample):
        m.mode = "bilinear"
    else:
        wrap(m, change)
    return "nearest -> bilinear"


# ---------------------------------------------------------------------------------------------------------- resnet, skips
@fault("resnet-residual", ResnetBlock2D)
def _(model, path, m, rng):
    fit(m.conv_shortcut is None and m.upsample is None and m.downsample is None)
    wrap(m, lambda inner, x, *args, **kwargs: inner(x, *args, **kwargs) - x / m.output_scale_factor)
    return "input not added"


@fault("resnet-scale", ResnetBlock2D)
def _(model, path, m, rng):
    was, m.output_scale_factor = m.output_scale_factor, rng.choice([s for s in (1.0, 2 ** 0.5) if s != m.output_scale_factor])
    return f"output_scale_factor {was} -> {m.output_scale_factor}"


def has_time(model, path, module):
    return isinstance(module, ResnetBlock2D) and module.time_emb_proj is not None


@fault("time-dropped", has_time)
def _(model, path, m, rng):
    wrap(m, lambda inner, x, temb, *args, **kwargs: inner(x, torch.zeros_like(temb), *args, **kwargs))
    return "time embedding 0 in this block"


@fault("time-activation", has_time)
def _(model, path, m, rng):
    m.skip_time_act = not m.skip_time_act
    return f"skip_time_act -> {m.skip_time_act}"


@fault("scale-shift", has_time)
def _(model, path, m, rng):
    fit(m.time_embedding_norm == "scale_shift")
    mode = rng.choice(["swapped", "no 1 +"])
    def change(inner, *args, **kwargs):
        saved = torch.chunk
        def chunk(x, n, dim):
            scale, shift = saved(x, n, dim)
            return (shift, scale) if mode == "swapped" else (scale - 1, shift)
        torch.chunk = chunk
        try:
            return inner(*args, **kwargs)
        finally:
            torch.chunk = saved
    wrap(m, change)
    return f"scale and shift: {mode}"


def up_resnet(model, path, module):
    return isinstance(module, ResnetBlock2D) and path.startswith("up_blocks") and ".resnets." in path


@fault("skip", up_resnet)
def _(model, path, m, rng):
    """While the block runs, the j-th concatenation [hidden, skip] is another one."""
    mode = rng.choice(["order", "transposed", "missing", "mirrored", "batch"])
    block, j, count = model.get_submodule(path.rpartition(".resnets.")[0]), int(path.rpartition(".")[2]), [0]
    def concatenated(saved, parts, dim):
        hidden, skip = parts
        if mode == "transposed":
            fit(skip.shape[2] == skip.shape[3])
        skip = {"transposed": lambda: skip.transpose(2, 3), "missing": lambda: torch.zeros_like(skip), "mirrored": lambda: skip.flip(3),
                "batch": lambda: skip.flip(0)}.get(mode, lambda: skip)()
        return saved([skip, hidden] if mode == "order" else [hidden, skip], dim=dim)
    def change(inner, *args, **kwargs):
        saved, count[0] = torch.cat, -1
        def cat(parts, dim=0):
            if dim != 1 or parts[0].dim() != 4:
                return saved(parts, dim=dim)
            count[0] += 1
            return concatenated(saved, parts, dim) if count[0] == j else saved(parts, dim=dim)
        torch.cat = cat
        try:
            return inner(*args, **kwargs)
        finally:
            torch.cat = saved
    wrap(block, change)
    return f"skip connection: {mode}"


# -------------------------------------------------------------------------------------------------------------- attention
@fault("attention-scale", (Attention, CLIPAttention))
def _(model, path, m, rng):
    factor = rng.choice([2 ** 0.5, 0.5, 1 / m.scale, m.scale])
    fit(factor != 1)
    m.scale *= factor
    return f"scale times {factor:.4g}"


@fault("attention-heads", (Attention, CLIPAttention))
def _(model, path, m, rng):
    width = m.embed_dim if isinstance(m, CLIPAttention) else m.inner_dim
    was = m.num_heads if isinstance(m, CLIPAttention) else m.heads
    heads, rescaled = other_divisor(rng, width, was), rng.random() < 0.5
    if isinstance(m, CLIPAttention):
        m.num_heads, m.head_dim = heads, width // heads
    else:
        m.heads = heads
    m.scale = (width // heads) ** -0.5 if rescaled else m.scale
    return f"heads {was} -> {heads}" + (" with their scale" if rescaled else "")


@fault("softmax", Attention)
def _(model, path, m, rng):
    mode = rng.choice(["missing", "over queries", "over heads"])
    def scores(query, key, mask=None):
        s = m.scale * torch.bmm(query, key.transpose(1, 2))
        if mode == "over heads":
            return s.view(-1, m.heads, *s.shape[1:]).softmax(1).view(s.shape)
        return s if mode == "missing" else s.softmax(-2)
    m.get_attention_scores = scores
    return f"softmax {mode}"


@fault("cross-states", lambda model, path, m: isinstance(m, Attention) and (path.endswith("attn2") or m.added_kv_proj_dim is not None))
def _(model, path, m, rng):
    mode = rng.choice(["zero", "without the last token", "without the first token", "features turned", "of the other sample"])
    change = {"zero": lambda e: e * 0, "without the last token": lambda e: e[:, :-1], "without the first token": lambda e: e[:, 1:],
              "features turned": lambda e: e.roll(1, -1), "of the other sample": lambda e: e.flip(0)}[mode]
    wrap(m, lambda inner, x, encoder_hidden_states=None, **k: inner(x, encoder_hidden_states=change(encoder_hidden_states), **k))
    return f"text states: {mode}"


@fault("self-for-cross", lambda model, path, m: isinstance(m, Attention) and m.added_kv_proj_dim is not None)
def _(model, path, m, rng):
    m.only_cross_attention = not m.only_cross_attention
    fit(m.only_cross_attention)
    return "own keys and values dropped, the added ones kept"


@fault("query-key-swapped", (Attention, CLIPAttention))
def _(model, path, m, rng):
    a, b = (m.q_proj, m.k_proj) if isinstance(m, CLIPAttention) else (m.to_q, m.to_k)
    fit(b is not None and a.weight.shape == b.weight.shape)
    q, k = a.weight.clone(), b.weight.clone()
    a.weight.copy_(k)
    b.weight.copy_(q)
    return "weights of queries and keys exchanged"


@fault("attention-residual", lambda model, path, m: isinstance(m, Attention) and m.residual_connection)
def _(model, path, m, rng):
    m.residual_connection = False
    return "input not added"


@fault("attention-factor", Attention)
def _(model, path, m, rng):
    fit(m.added_kv_proj_dim is None)
    m.rescale_output_factor *= 2 ** 0.5
    return "rescale_output_factor times sqrt 2"


@fault("transformer-residual", Transformer2DModel)
def _(model, path, m, rng):
    wrap(m, lambda inner, x, *args, **kwargs: (inner(x, *args, **kwargs)[0] - x,))
    return "input not added"


@fault("block-residual", (BasicTransformerBlock, CLIPEncoderLayer))
def _(model, path, m, rng):
    """The state before a norm is what the branch's result is added to; that result gives it back."""
    names = [("norm1", "attn1"), ("norm2", "attn2"), ("norm3", "ff")] if isinstance(m, BasicTransformerBlock) else \
        [("layer_norm1", "self_attn"), ("layer_norm2", "mlp")]
    norm, branch = rng.choice(names)
    state = []
    wrap(getattr(m, norm), lambda inner, x: (state.append(x), inner(x))[1])
    getattr(m, branch).late = lambda y: (y[0] - state.pop(),) + tuple(y[1:]) if isinstance(y, tuple) else y - state.pop()
    return f"input not added after {branch}"


# ---------------------------------------------------------------------------------------------------- embeddings, whole net
@fault("time-sinusoid", embeddings.Timesteps)
def _(model, path, m, rng):
    mode = rng.choice(["flip", "shift", "period", "step"])
    if mode == "flip":
        m.flip_sin_to_cos = not m.flip_sin_to_cos
    elif mode == "shift":
        m.downscale_freq_shift = 1 - m.downscale_freq_shift
    elif mode == "step":
        wrap(m, lambda inner, t: inner(t + 1))
    else:
        m.forward = lambda t: embeddings.get_timestep_embedding(t, m.num_channels, flip_sin_to_cos=m.flip_sin_to_cos,
                                                               downscale_freq_shift=m.downscale_freq_shift, max_period=1000)
    return {"flip": "sine and cosine exchanged", "shift": "freq_shift changed", "period": "period 1000", "step": "timestep + 1"}[mode]


@fault("embedding-dropped", lambda model, path, m: path in ("class_embedding", "add_embedding", "time_embedding"))
def _(model, path, m, rng):
    mode = rng.choice(["result 0", "not used"])
    if mode == "not used":
        m.late = torch.zeros_like
    else:
        wrap(m, lambda inner, *args, **kwargs: torch.zeros_like(inner(*args, **kwargs)))
    return mode


@fault("embedding-order", lambda model, path, m: path == "add_embedding" and isinstance(m, embeddings.TimestepEmbedding))
def _(model, path, m, rng):
    n = model.config.projection_class_embeddings_input_dim - 6 * model.config.addition_time_embed_dim
    wrap(m, lambda inner, x: inner(torch.cat([x[:, n:], x[:, :n]], dim=-1)))
    return "times before the text"


@fault("input-range", lambda model, path, m: path in ("conv_in", "encoder.conv_in", "encoder.layers", "vision_model.embeddings"))
def _(model, path, m, rng):
    wrap(m, lambda inner, x, *args: inner(2 * x - 1, *args))
    return "2 x - 1 applied"


@fault("input-channels", lambda model, path, m: path in ("conv_in", "encoder.conv_in", "encoder.layers.0", "vision_model.embeddings"))
def _(model, path, m, rng):
    mode = rng.choice(["channels reversed", "mirrored"])
    wrap(m, lambda inner, x, *args: inner(x.flip(1 if mode == "channels reversed" else 3), *args))
    return f"input {mode}"


@fault("decoder-range", lambda model, path, m: path == "decoder" and hasattr(m, "layers"))
def _(model, path, m, rng):
    mode = rng.choice(["no 2 x - 1", "no clamp of the latent"])
    if mode == "no 2 x - 1":
        wrap(m, lambda inner, x: (inner(x) + 1) / 2)
    else:
        m.forward = lambda x: m.layers(x).mul(2).sub(1)
    return mode


# ------------------------------------------------------------------------------------------------------------------- clip
@fault("mask-dropped", CLIPEncoder)
def _(model, path, m, rng):
    mode = rng.choice(["missing", "hides itself"])
    def change(inner, *args, causal_attention_mask=None, **kwargs):
        fit(causal_attention_mask is not None)
        mask = causal_attention_mask.roll(1, -2) if mode == "hides itself" else None
        if mask is not None:
            mask[:, :, 0] = causal_attention_mask[:, :, 0]
        return inner(*args, causal_attention_mask=mask, **kwargs)
    wrap(m, change)
    return f"causal mask: {mode}"


@fault("positions", lambda model, path, m: path.endswith("position_embedding"))
def _(model, path, m, rng):
    m.weight.copy_(m.weight.roll(1, 0))
    return "positions shifted by one"


@fault("pooling", CLIPTextTransformer)
def _(model, path, m, rng):
    row = rng.choice([0, -1])
    def change(inner, *args, **kwargs):
        out = inner(*args, **kwargs)
        out.pooler_output = out.last_hidden_state[:, row]
        return out
    wrap(m, change)
    return f"pooled at token {row}"
