"""Writes tests/golden/estimators/sdi_official_t{980,250}.safetensors: one step of SDI each as its released code has it, in float64 on nets/sd15.

    python3 tests/oracle/sdi_official.py tests/golden

The algorithm, with d the jitter of the inversion's end and T = 1000:
    levels  G = those of 1, 101, 201, ... that are below t, before them 1 - 100, after them L = min(t + d, T - 1)
    x = x0; along each neighbouring pair p, q of them, abar_p being abar_0 for p < 0:
        e = CFG(guidance_inverse) of the network at (x, p), at 0 for p < 0 (the released code asks at -99)
        x <- sqrt(abar_q) (x - sqrt(1 - abar_p) e) / sqrt(abar_p) + sqrt(1 - abar_q) e + eta sqrt(V) noise of this move,
        V = (1 - abar_p) / (1 - abar_q) (1 - abar_q / abar_p)
    kappa = (x - sqrt(abar_L) x0) / sqrt(1 - abar_L), for the eye
    e = CFG(guidance) of the network at (x, t), not L;  target = (x - sqrt(1 - abar_t) e) / sqrt(abar_t);  grad = x0 - target
The released code averages its loss over the values; here the sum is taken, as everywhere. eta is noise_scale, d is tau in the metadata.
Needs PyTorch 1.13, diffusers 0.21.4; `make test` needs only the files.
"""
import os
import sys

import torch

from estimator_prior import Prior, write

SETTINGS = [dict(t=980, tau=60, guidance=7.5, guidance_inverse=-7.5, noise_scale=0.3),
            dict(t=250, tau=13, guidance=3.0, guidance_inverse=2.0, noise_scale=0.7)]


def levels_of(t, tau):
    return [1 - 100] + [level for level in range(1, 1000, 100) if level < t] + [min(t + tau, 999)]


def step(prior, t, tau, guidance, guidance_inverse, noise_scale):
    levels, results = levels_of(t, tau), {}
    moves = list(zip(levels[:-1], levels[1:]))
    x0, noise = prior.normal(), prior.normal(len(moves))
    x = x0.clone()
    for k, (p, q) in enumerate(moves):
        e, _ = prior.cfg(x, max(p, 0), guidance_inverse)
        abar_p, abar_q = prior.abar[max(p, 0)], prior.abar[q]
        std = noise_scale * ((1 - abar_p) / (1 - abar_q) * (1 - abar_q / abar_p)).sqrt()
        x = abar_q.sqrt() * (x - (1 - abar_p).sqrt() * e) / abar_p.sqrt() + (1 - abar_q).sqrt() * e + std * noise[k:k + 1]
        results[f"inv.{k}.eps"], results[f"inv.{k}.x"] = e, x
    abar_L, abar = prior.abar[levels[-1]], prior.abar[t]
    results["kappa"] = (x - abar_L.sqrt() * x0) / (1 - abar_L).sqrt()
    e, parts = prior.cfg(x, t, guidance)
    target = (x - (1 - abar).sqrt() * e) / abar.sqrt()
    results.update(grid=torch.tensor(levels), x_t=x, eps_cond=parts["cond"], eps_uncond=parts["uncond"], eps_cfg=e, x0_hat=target, grad=x0 - target)
    return {"x0": x0, "noise": noise}, results, len(moves)


def main(golden):
    draw = torch.Generator().manual_seed(8)
    for settings in SETTINGS:
        prior = Prior(os.path.join(golden, "nets/sd15/unet"), draw)
        inputs, results, moves = step(prior, **settings)
        write(os.path.join(golden, f"estimators/sdi_official_t{settings['t']}.safetensors"), prior, "sdi",
              {"form": "official", "inversion_steps": moves, **settings}, inputs, results)


main(sys.argv[1])
