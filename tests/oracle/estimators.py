"""One step of each estimator in float64, from the description of traces in tests/golden alone, at settings, times and networks that the first
golden files do not have.

    python3 tests/oracle/estimators.py golden tests/golden           writes tests/golden/estimators/more_*.safetensors
    python3 tests/oracle/estimators.py draw tests/golden OUT N SEED  writes N drawn cases into OUT, each a command of `sdref verify` away from a verdict

Symbols: a, s, r of Prior are alpha_t, sigma_t, sigma_t / alpha_t. Every function takes the prior and the metadata, draws its inputs, and returns
(inputs, results). Needs PyTorch 1.13, diffusers 0.21.4; `make test` needs only the files.
"""
import contextlib
import math
import os
import random
import sys

import numpy as np
import torch

from estimator_prior import Prior, abar_sd, write


# ------------------------------------------------------------------------------------------------------------- estimators
def start(prior, m):
    x0, noise = prior.normal(), prior.normal()
    return x0, noise, {"x0": x0, "noise": noise}


def guided(prior, out, x, t, scale, away="uncond"):
    """e_cond, e_uncond, eps_cfg into out."""
    e, parts = prior.cfg(x, t, scale, away)
    out.update({"eps_" + k: v for k, v in parts.items()}, eps_cfg=e)
    return e


def number(x): return torch.tensor([x], dtype=torch.float64)


def x0_hat(prior, x, e, t): return (x - prior.s(t) * e) / prior.a(t)


def sds(prior, m):
    x0, noise, given = start(prior, m)
    t, w = m["t"], prior.weight(m["weight"], m["t"])
    out = {"x_t": prior.diffuse(x0, noise, t), "w": number(w)}
    e = guided(prior, out, out["x_t"], t, m["guidance"])
    out.update(grad=w * (e - noise), x0_hat=x0_hat(prior, out["x_t"], e, t))
    return given, out


def fsd(prior, m):
    return sds(prior, m)


def csd(prior, m):
    x0, noise, given = start(prior, m)
    t, w = m["t"], prior.weight(m["weight"], m["t"])
    x = prior.diffuse(x0, noise, t)
    c, u, n = (prior.eps(x, t, kind) for kind in ("cond", "uncond", "negative"))
    return given, {"x_t": x, "eps_cond": c, "eps_uncond": u, "eps_negative": n, "w": number(w),
                   "grad": w * (m["w1"] * c + (m["w2"] - m["w1"]) * u - m["w2"] * n)}


def nfsd(prior, m):
    x0, noise, given = start(prior, m)
    t, w = m["t"], prior.weight(m["weight"], m["t"])
    x = prior.diffuse(x0, noise, t)
    c, u, n = (prior.eps(x, t, kind) for kind in ("cond", "uncond", "negative"))
    delta_C, delta_D = c - u, u if t < m["threshold"] else u - n
    return given, {"x_t": x, "eps_cond": c, "eps_uncond": u, "eps_negative": n, "delta_C": delta_C, "delta_D": delta_D, "w": number(w),
                   "grad": w * (delta_D + m["guidance"] * delta_C)}


def sdi(prior, m):
    x0, noise, given = start(prior, m)
    t, n = m["t"], m["inversion_steps"]
    target = min(t + m["tau"], 999)
    grid = [-1] + [int(level) for level in np.round(np.arange(1, n + 1) * target / n)]      # numpy's halves go to even
    x, out = x0, {"grid": torch.tensor(grid)}
    for k, (p, q) in enumerate(zip(grid[:-1], grid[1:])):
        e, _ = prior.cfg(x, p, m["guidance_inverse"])
        x = prior.move(x, e, p, q)
        out.update({f"inv.{k}.eps": e, f"inv.{k}.x": x})
    out["kappa_inv"] = (x - prior.a(target) * x0) / prior.s(target)
    out["kappa"] = out["kappa_inv"] + m["noise_scale"] * prior.s(t) * noise
    out["x_t"] = prior.diffuse(x0, out["kappa"], t)
    e = guided(prior, out, out["x_t"], t, m["guidance"])
    out["grad"] = prior.r(t) * (e - out["kappa"])
    out.update(residual=number(float((out["grad"] ** 2).mean())), x0_hat=x0_hat(prior, out["x_t"], e, t))
    return given, out


def ism(prior, m):
    x0, noise, given = start(prior, m)
    t, s = m["t"], m["s"]
    grid = list(range(0, s, m["delta_S"])) + [s, t]
    x = prior.a(0) * x0 + prior.s(0) * noise
    out = {"grid": torch.tensor(grid), "x_start": x}
    for k, (p, q) in enumerate(zip(grid[:-2], grid[1:-1])):
        e = prior.eps(x, p, "uncond")
        x = prior.move(x, e, p, q)
        out.update({f"inv.{k}.eps": e, f"inv.{k}.x": x})
    out["x_s"], out["eps_s"] = x, prior.eps(x, s, "uncond")
    out["x_t"] = prior.move(x, out["eps_s"], s, t)
    e = guided(prior, out, out["x_t"], t, m["guidance"], "negative")
    out["grad"] = prior.r(t) * (e - out["eps_s"])
    return given, out


@contextlib.contextmanager
def with_lora(prior, lora, scale, camera):
    """prior.net with LoRA and camera while it lasts. lora: name -> parameter."""
    modules, hooks = dict(prior.net.named_modules()), []
    for name in {k.split(".lora.")[0] for k in lora if ".lora." in k}:
        def change(module, args, y, down=lora[name + ".lora.down.weight"], up=lora[name + ".lora.up.weight"]):
            return y + scale * (args[0] @ down.T @ up.T)
        hooks.append(modules[name].register_forward_hook(change))
    if camera is not None:
        layer = lambda x, i: x @ lora[f"class_embedding.linear_{i}.weight"].T + lora[f"class_embedding.linear_{i}.bias"]
        hooks.append(prior.net.time_embedding.register_forward_hook(lambda module, args, y: y + layer(torch.nn.functional.silu(layer(camera, 1)), 2)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def vsd(prior, m):
    x0, noise, given = start(prior, m)
    t, w, rank = m["t"], prior.weight(m["weight"], m["t"]), m["lora_rank"]
    lora = {}
    for name, module in prior.net.named_modules():
        if name.endswith((".to_q", ".to_k", ".to_v", ".to_out.0")):
            lora[name + ".lora.down.weight"] = prior.drawn(rank, module.weight.shape[1], scale=0.3)
            lora[name + ".lora.up.weight"] = prior.drawn(module.weight.shape[0], rank, scale=0.3)
    camera, width = None, prior.net.time_embedding.linear_2.out_features
    if m.pop("camera"):
        given["camera"] = camera = prior.drawn(1, 12)
        for i, columns in (1, 12), (2, width):
            lora[f"class_embedding.linear_{i}.weight"] = prior.drawn(width, columns, scale=columns ** -0.5)
            lora[f"class_embedding.linear_{i}.bias"] = prior.drawn(width, scale=0.2)
    out = {"x_t": prior.diffuse(x0, noise, t), "w": number(w)}
    e = guided(prior, out, out["x_t"], t, m["guidance"])
    given["lora_noise"] = lora_noise = prior.normal()
    for v in lora.values():
        v.requires_grad_()
    with with_lora(prior, lora, m["lora_scale"], camera):
        out["eps_phi"] = prior.eps(out["x_t"], t)
        x = prior.diffuse(x0, lora_noise, m["lora_t"])
        target = {"epsilon": lora_noise, "sample": x0, "v_prediction": prior.a(m["lora_t"]) * lora_noise - prior.s(m["lora_t"]) * x0}[prior.prediction]
        loss = ((prior.run(x, m["lora_t"], "cond") - target) ** 2).mean()
        slopes = torch.autograd.grad(loss, list(lora.values()))
    out.update(grad=w * (e - out["eps_phi"]), lora_loss=loss[None], **{"lora_grad." + k: g for k, g in zip(lora, slopes)})
    return {**given, **lora}, out


def asd(prior, m):
    x0, noise, given = start(prior, m)
    t, tD, w = m["t"], m["t_baseline"], prior.weight(m["weight"], m["t"])
    out = {"x_t": prior.diffuse(x0, noise, t), "x_tD": prior.diffuse(x0, noise, tD), "w": number(w)}
    e = guided(prior, out, out["x_t"], t, m["guidance"])
    out["eps_baseline"] = prior.eps(out["x_tD"], tD)
    out["grad"] = w * (e - out["eps_baseline"])
    return given, out


def dsd(prior, m):
    x0, z = prior.normal(), prior.normal()
    given, t, tD, w = {"x0": x0, "eps_star": z}, m["t"], m["t_baseline"], prior.weight(m["weight"], m["t"])
    grid = [g for g in (math.trunc(v) for v in np.linspace(999, 0, m["ode_steps"] + 1)) if g > tD] + [tD]
    out = {"grid": torch.tensor(grid), "w": number(w)}
    for k, (p, q) in enumerate(zip(grid[:-1], grid[1:])):
        e, _ = prior.cfg(z, p, m["guidance"])
        z = prior.move(z, e, p, q)
        out.update({f"ode.{k}.eps": e, f"ode.{k}.z": z})
    e, _ = prior.cfg(z, tD, m["guidance"])
    out.update(eps_ode=e, x_tD=prior.diffuse(x0, e, tD), x_t=prior.diffuse(x0, e, t))
    out["eps_baseline"], _ = prior.cfg(out["x_tD"], tD, m["guidance_baseline"])
    out["eps_t"], _ = prior.cfg(out["x_t"], t, m["guidance"])
    out["grad"] = w * (out["eps_t"] - out["eps_baseline"])
    return given, out


def dsd_star(prior, m):
    x0, star = prior.normal(), prior.normal()
    grid = [math.trunc(v) for v in np.linspace(999, 0, 11)]
    e, _ = prior.cfg(star, grid[0], m["guidance"])
    x = x0_hat(prior, star, e, grid[0])
    out = {"grid": torch.tensor(grid), "x0.0": x}
    for k, s in enumerate(grid[1:]):
        before, (e, _) = e, prior.cfg(prior.diffuse(x, e, s), s, m["guidance"])
        grad = prior.r(s) * (e - before)
        x = x - grad
        out.update({f"grad.{k}": grad, f"x0.{k + 1}": x})
    z = star
    for p, q in zip(grid[:-1], grid[1:]):
        z = prior.move(z, prior.cfg(z, p, m["guidance"])[0], p, q)
    out.update(grad=out["grad.0"], ddim_x0=x0_hat(prior, z, prior.cfg(z, 0, m["guidance"])[0], 0))
    return {"x0": x0, "eps_star": star}, out


def cds(prior, m):
    x0, noise, given = start(prior, m)
    t, s, w = m["t"], m["s"], prior.weight(m["weight"], m["t"])
    seen = lambda v, level: v / math.sqrt(1 + prior.r(level) ** 2)
    out = {"v_t": x0 + prior.r(t) * noise, "w": number(w)}
    out["eps_t"], _ = prior.cfg(seen(out["v_t"], t), t, m["guidance"])
    out["v_s"] = out["v_t"] + (prior.r(s) - prior.r(t)) * out["eps_t"]
    out["eps_s"], _ = prior.cfg(seen(out["v_s"], s), s, m["guidance"])
    out["grad"] = (w if m["sign"] == "released" else -w) * (out["eps_t"] - out["eps_s"])
    return given, out


def pearson(a, b):
    a, b = a.flatten() - a.mean(), b.flatten() - b.mean()
    return (a * b).sum() / (a.norm() * b.norm())


def ssd(prior, m):
    x0, noise, given = start(prior, m)
    t, w = m["t"], prior.weight(m["weight"], m["t"])
    if m["phi"] == "pearson_depth":
        given["depth"] = prior.drawn(*prior.size)
    x = prior.diffuse(x0, noise, t)
    out = {"x_t": x, "w": number(w)}
    e = guided(prior, out, x, t, m["guidance"])
    y = x.clone().requires_grad_()
    phi = 0.5 * (y ** 2).mean() if m["phi"] == "quadratic" else 1 - pearson(given["depth"], y.mean(1))
    grad_phi = torch.autograd.grad(phi, y)[0]
    phi = phi.detach()
    h = noise * phi - prior.s(t) * grad_phi
    out.update(phi=phi[None], grad_phi=grad_phi, h=h, grad=w * (e - m["mu1"] * noise - m["mu"] * h))
    return given, out


def perp_neg(prior, m):
    x0, noise, given = start(prior, m)
    t = m["t"]
    x = prior.diffuse(x0, noise, t)
    c, u, n = (prior.eps(x, t, kind) for kind in ("cond", "uncond", "negative"))
    d, n_u = c - u, n - u
    perp = n_u - (n_u * d).sum() / torch.clamp((d * d).sum(), min=1e-6) * d
    return given, {"x_t": x, "eps_cond": c, "eps_uncond": u, "eps_negative": n, "perp": perp, "grad": u + m["guidance"] * (d + m["w_neg"] * perp)}


STEPS = {f.__name__: f for f in (sds, csd, nfsd, sdi, ism, vsd, asd, dsd, dsd_star, cds, fsd, ssd, perp_neg)}


# ------------------------------------------------------------------------------------------------------------ drawn cases
def abar_cosine():
    f = lambda i: math.cos((i / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
    return torch.cumprod(torch.tensor([1 - min(1 - f(i + 1) / f(i), 0.999) for i in range(1000)], dtype=torch.float64), 0)


def draw_settings(name, d, last):
    """Metadata of a step. Times from the ends of the schedule as often as from its middle. last: of the times that are drawn."""
    time = lambda lo, hi: min(max(d.choice([lo, hi, d.randint(0, 19), d.randint(lo, hi), d.randint(lo, hi)]), lo), hi)
    t = d.choice([0, 1, 19, last, d.randint(0, last), d.randint(0, last), d.randint(20, last)])
    scale = lambda: d.choice([7.5, 1.0, 0.0, -7.5, 100.0, round(d.uniform(-20, 20), 3)])
    weight = d.choice(["sds", "uniform", "fantasia3d", "sigma/alpha"])
    m = {"t": t, "guidance": scale()}
    if name in ("sds", "csd", "nfsd", "vsd", "asd", "dsd", "cds", "fsd", "ssd"):
        m["weight"] = weight
    if name == "csd":
        del m["guidance"]
        m.update(w1=d.choice([1.0, 0.0, -2.5]), w2=d.choice([0.0, 1.0, 0.3, -1.0]))
    if name == "nfsd":
        m["threshold"] = d.choice([0, t, t + 1, 200, 1000])
    if name == "sdi":
        m.update(tau=d.choice([0, 20, 33, 999]), inversion_steps=d.choice([1, 2, 5, 11]), guidance_inverse=scale(),
                 noise_scale=d.choice([0.0, 0.3, 2.0]))
    if name == "ism":
        m["t"] = t = max(t, 2)
        m.update(s=time(1, t - 1), delta_S=d.choice([200, 100, 999, 77]))
    if name == "vsd":
        m.update(lora_t=d.choice([0, last, d.randint(0, last)]), lora_rank=d.choice([1, 4]), lora_scale=d.choice([1.0, 0.0, 0.6]), camera=d.random() < 0.7)
    if name == "asd":
        m["t_baseline"] = time(t, last)
    if name == "dsd":
        m.update(t_baseline=time(t, last), guidance_baseline=scale(), ode_steps=d.choice([1, 2, 10, 7]))
    if name == "dsd_star":
        m = {"guidance": scale()}
    if name == "cds":
        m["t"] = t = max(t, 1)
        m.update(s=time(0, t - 1), sign=d.choice(["released", "released", "opposite"]))
    if name == "ssd":
        m.update(mu1=d.choice([1.0, 0.0, -0.5]), mu=d.choice([0.37, 0.0, -3.0]), phi=d.choice(["quadratic", "pearson_depth"]))
    if name == "perp_neg":
        m["w_neg"] = d.choice([-1.2, -0.1, 0.0])
    return m


def draw_case(golden, out, i, seed):
    d, draw = random.Random(1000 * seed + i), torch.Generator().manual_seed(1000 * seed + i)
    name = list(STEPS)[i % len(STEPS)]
    net, prediction = d.choice([("sd15", "epsilon"), ("sd21", "epsilon"), ("sd21", "v_prediction"), ("if", "epsilon"), ("if", "sample"), ("ddpm", "epsilon")])
    if name in ("csd", "nfsd", "ism", "perp_neg") and net == "ddpm":
        net = "sd15"                                                # these ask with a negative prompt
    if name == "dsd_star" and prediction == "sample":
        prediction = "epsilon"                                      # to eps at t = 0 it is divided by 0.03: not for binary32
    abar = d.choice([None, None, abar_cosine(), abar_sd().float().double()])
    prior = Prior(os.path.join(golden, "nets", net, "unet"), draw, d.choice([2, 8, 77]), abar, prediction, d.choice([(16, 16), (8, 16)]),
                  d.choice(["F64", "F64", "F64", "F32", "F16"]))
    last = 999 if abar is None or float(abar[999]) > 1e-3 else 980
    m = draw_settings(name, d, last)
    if prior.dtype == "F16" and name == "dsd_star":
        m["guidance"] = max(-20.0, min(m["guidance"], 20.0))        # F16 ends at 65504
    given, results = STEPS[name](prior, m)
    network = name in ("vsd", "dsd_star") or d.random() < 0.85       # the predictions of these have no names
    needed = lambda k: k == "grad" or not network and ("eps" in k)
    kept = {k: v for k, v in results.items() if needed(k) or d.random() < d.choice([0.0, 0.6, 1.0])}
    path = os.path.join(out, f"{i:03d}_{name}_{net}_{prediction}_{prior.dtype}{'' if network else '_told'}.safetensors")
    write(path, prior, name, m, given, kept, network)


# ------------------------------------------------------------------------------------------------------------ golden cases
COSINE = abar_cosine()
GOLDEN = {      # file -> network, what Prior is told, metadata, results left out
    "sdi_end": ("if", dict(size=(8, 16), abar=COSINE), dict(estimator="sdi", t=980, tau=33, inversion_steps=1, guidance=-3.0, guidance_inverse=0.0, noise_scale=2.0), ()),
    "sdi_low": ("sd21", dict(prediction="v_prediction", abar=abar_sd().float().double()),
                dict(estimator="sdi", t=3, tau=0, inversion_steps=8, guidance=7.5, guidance_inverse=-7.5, noise_scale=0.3), ("inv.3.x", "kappa", "x_t")),
    "ism_low": ("sd21", dict(prediction="v_prediction"), dict(estimator="ism", t=2, s=1, delta_S=200, guidance=1.0), ("x_t",)),
    "dsd_end": ("if", dict(), dict(estimator="dsd", t=999, t_baseline=999, ode_steps=1, guidance=100.0, guidance_baseline=-1.0, weight="uniform"), ()),
    "dsd_one": ("sd15", dict(), dict(estimator="dsd", t=0, t_baseline=7, ode_steps=1, guidance=7.5, guidance_baseline=7.5, weight="fantasia3d"), ("ode.0.z",)),
    "dsd_star_100": ("sd21", dict(), dict(estimator="dsd_star", guidance=100.0), ("grad.0", "x0.3", "x0.5", "x0.7", "grad.4")),
    "vsd_v": ("sd21", dict(prediction="v_prediction"), dict(estimator="vsd", t=19, weight="sds", guidance=7.5, lora_t=0, lora_rank=1, lora_scale=0.6, camera=False), ()),
    "cds_low": ("ddpm", dict(), dict(estimator="cds", t=1, s=0, guidance=0.0, weight="sigma/alpha", sign="opposite"), ()),
    "sds_one": ("if", dict(), dict(estimator="sds", t=999, guidance=1.0, weight="sigma/alpha"), ("x_t", "eps_cfg")),
    "nfsd_f16": ("sd15", dict(dtype="F16"), dict(estimator="nfsd", t=19, guidance=7.5, threshold=19, weight="sds"), ()),
    "asd_f32": ("sd15", dict(dtype="F32", abar=COSINE), dict(estimator="asd", t=0, t_baseline=0, guidance=-7.5, weight="uniform"), ("x_tD",)),
    "csd_told": ("sd15", dict(), dict(estimator="csd", t=500, w1=-2.5, w2=0.3, weight="sds"), ()),
    "ssd_low": ("if", dict(prediction="v_prediction"), dict(estimator="ssd", t=0, guidance=7.5, mu1=0.0, mu=-3.0, phi="pearson_depth", weight="sds"), ()),
    "perp_neg_low": ("sd15", dict(), dict(estimator="perp_neg", t=0, guidance=-7.5, w_neg=-0.1), ("eps_negative",)),
}


def golden_cases(golden):
    for i, (file, (net, told, meta, missing)) in enumerate(GOLDEN.items()):
        prior = Prior(os.path.join(golden, "nets", net, "unet"), torch.Generator().manual_seed(100 + i), **{"tokens": 4, "size": (8, 8), **told})
        meta = dict(meta)
        name = meta.pop("estimator")
        given, results = STEPS[name](prior, meta)
        assert all(k in results for k in missing), (file, missing)
        write(os.path.join(golden, f"estimators/more_{file}.safetensors"), prior, name, meta, given,
              {k: v for k, v in results.items() if k not in missing}, not file.endswith("_told"))


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden_cases(sys.argv[2])
    else:
        os.makedirs(sys.argv[3], exist_ok=True)
        for i in range(int(sys.argv[4])):
            draw_case(sys.argv[2], sys.argv[3], i, int(sys.argv[5]))
