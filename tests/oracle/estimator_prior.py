"""What the oracles of the estimators share: a network of tests/golden/nets as a prior, in float64, and the writer of a trace. tests/golden's README
of traces is the description; nothing here follows the C code.

    prior = Prior("tests/golden/nets/sd15/unet", draw)       prompts drawn, abar of Stable Diffusion
    prior.eps(x, t, "cond")        the noise that the network's output at (x, t) stands for; prompts cond, uncond, negative
    prior.cfg(x, t, s)             uncond + s (cond - uncond) -> (all, {"cond": .., "uncond": ..})
    prior.move(x, e, p, q)         x at level p -> level q; -1 is the clean image
    write(path, prior, "sds", meta, inputs, results)
"""
import math
import os

import diffusers
import torch

from nets_model import DTYPES, load_network, save_tensors
from nets_trace import float64_throughout


def abar_sd():
    betas = torch.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0)


class Prior:
    """abar: (T) float64, or None for Stable Diffusion's; prediction: what the network puts out, as in a scheduler_config.json; size: H, W; dtype: of
    the file's floats, to which what is drawn is rounded before it is used."""

    def __init__(self, folder, draw, tokens=8, abar=None, prediction="epsilon", size=(16, 16), dtype="F64"):
        self.folder, self.prediction, self.own_abar, self.size, self.dtype = folder, prediction, abar, size, dtype
        self.abar = abar_sd() if abar is None else abar
        self.net = load_network(folder).double().eval()
        config = self.net.config
        self.channels, self.draw = config.in_channels, draw
        width = config.get("encoder_hid_dim") or config.get("cross_attention_dim")
        kinds = ("cond", "uncond", "negative") if type(self.net).__name__ == "UNet2DConditionModel" else ()
        self.embed = {kind: self.drawn(1, tokens, width) for kind in kinds}

    def drawn(self, *shape, scale=1.0):
        return (scale * torch.randn(shape, generator=self.draw, dtype=torch.float64)).to(DTYPES[self.dtype]).double()

    def normal(self, many=1):
        return self.drawn(many, self.channels, *self.size)

    def a(self, t): return 1.0 if t < 0 else math.sqrt(float(self.abar[t]))
    def s(self, t): return 0.0 if t < 0 else math.sqrt(1 - float(self.abar[t]))
    def r(self, t): return self.s(t) / self.a(t)

    def weight(self, kind, t):
        abar = float(self.abar[t])
        return {"sds": 1 - abar, "uniform": 1.0, "fantasia3d": math.sqrt(abar) * (1 - abar), "sigma/alpha": self.r(t)}[kind]

    def diffuse(self, x0, noise, t):
        return self.a(t) * x0 + self.s(t) * noise

    def run(self, x, t, kind):
        """The network's output; more channels than x has are a variance, as DeepFloyd's are."""
        with float64_throughout():
            time = torch.tensor([float(t)], dtype=torch.float64)
            words = (self.embed[kind],) if self.embed else ()
            return self.net(x, time, *words).sample[:, :self.channels]

    def to_eps(self, y, x, t):
        if self.prediction == "v_prediction":
            return self.s(t) * x + self.a(t) * y
        if self.prediction == "sample":
            return (x - self.a(t) * y) / self.s(t)
        return y

    def eps(self, x, t, kind="cond"):
        """Level -1 is asked at 0."""
        with torch.no_grad():
            return self.to_eps(self.run(x, max(t, 0), kind), x, max(t, 0))

    def cfg(self, x, t, scale, away="uncond"):
        parts = {"cond": self.eps(x, t, "cond"), away: self.eps(x, t, away)}
        return parts[away] + scale * (parts["cond"] - parts[away]), parts

    def move(self, x, e, p, q):
        return self.a(q) * (x - self.s(p) * e) / self.a(p) + self.s(q) * e


def write(path, prior, name, meta, inputs, results, network=True):
    """inputs without "in.". network: the file names prior's folder; without it the file says nothing of prompts either."""
    given = dict(inputs)
    if prior.own_abar is not None:
        given["alphas_cumprod"] = prior.own_abar
    if network:
        given.update({"embed." + k: v for k, v in prior.embed.items()})
    tensors = {**{"in." + k: v for k, v in given.items()}, **results}
    kept = lambda k, v: v if not v.is_floating_point() else v.double() if k == "in.alphas_cumprod" else v.to(DTYPES[prior.dtype])
    meta = {"format": "sdref-trace-1", "kind": "estimator", "estimator": name, **{k: str(v) for k, v in meta.items()},
            "made_with": f"diffusers {diffusers.__version__}, PyTorch {torch.__version__}, float64"}
    if network:
        meta["network"] = os.path.relpath(prior.folder, os.path.dirname(path))
    if prior.prediction != "epsilon":
        meta["prediction_type"] = prior.prediction
    save_tensors(path, {k: kept(k, v.detach()) for k, v in tensors.items()}, meta)
