"""Writes tests/golden/ddpm_steps.safetensors: DDPM steps, DDIM steps with eta > 0, inference timesteps, by diffusers.

    python3 tests/oracle/ddpm_steps.py tests/golden/ddpm_steps.safetensors

Needs PyTorch 1.13, diffusers 0.21.4, numpy 1.24; `make test` needs only the file. All steps run in float64;
alphas_cumprod is made in float64 too and is in the file. The noise is given, not drawn. Tensor names, with S the
schedule and P the prediction type:
    S.alphas_cumprod (1000)
    ddpm.S.VARIANCE.P.clip{0,1}.t{T}.n{N}.{prev,x0}      N inference steps: the step goes T -> T - 1000/N
    ddim.S.eta{50,100}.P.clip{0,1}.one{0,1}.t{T}.{prev,x0}    eta in hundredths, set_alpha_to_one, 25 inference steps
    timesteps.SPACING.nN                                  offset 1 where leading
    timesteps_checksum.SPACING (1000)                     for N = 1..1000: sum over i of (i + 1) timestep_i, offset 0
A trailing list of N + 1 timesteps, which diffusers makes for some N, is cut to N.
"""
import json
import random
import struct
import sys

import numpy as np
import torch
import diffusers.schedulers.scheduling_ddim as ddim_module
import diffusers.schedulers.scheduling_ddpm as ddpm_module

SHAPE = (1, 3, 2, 2)
SCHEDULES = {"sd": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
             "cosine": dict(beta_schedule="squaredcos_cap_v2")}
PREDICTIONS = ("epsilon", "sample", "v_prediction")

random.seed(0)


def draw():
    count = int(np.prod(SHAPE))
    return torch.tensor([random.gauss(0.0, 1.0) for _ in range(count)], dtype=torch.float64).reshape(SHAPE)


X, OUT, NOISE = draw(), draw(), draw()
ddim_module.randn_tensor = ddpm_module.randn_tensor = lambda *args, **kwargs: NOISE


def abar(name):
    i = np.arange(1000, dtype=np.float64)
    if name == "sd":
        lo, hi = np.sqrt(0.00085), np.sqrt(0.012)
        beta = (lo + (hi - lo) * i / 999) ** 2
    else:
        f = lambda u: np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
        beta = np.minimum(1 - f((i + 1) / 1000) / f(i / 1000), 0.999)
    return torch.tensor(np.cumprod(1 - beta))


def in_float64(scheduler, name):
    scheduler.alphas_cumprod = abar(name)
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    if hasattr(scheduler, "final_alpha_cumprod") and not scheduler.config.set_alpha_to_one:
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    return scheduler


def ddpm_steps(out):
    for name, betas in SCHEDULES.items():
        for variance in ("fixed_small", "fixed_small_log", "fixed_large"):
            for prediction in PREDICTIONS:
                for clip in (0, 1):
                    for t, n in ((0, 1000), (1, 1000), (481, 1000), (999, 1000), (20, 25), (601, 25)):
                        s = in_float64(ddpm_module.DDPMScheduler(prediction_type=prediction, variance_type=variance,
                                                                 clip_sample=bool(clip), **betas), name)
                        s.set_timesteps(n)
                        r = s.step(OUT, t, X)
                        key = f"ddpm.{name}.{variance}.{prediction}.clip{clip}.t{t}.n{n}"
                        out[key + ".prev"], out[key + ".x0"] = r.prev_sample, r.pred_original_sample


def ddim_steps(out):
    for name, betas in SCHEDULES.items():
        for eta in (50, 100):
            for prediction in PREDICTIONS:
                for clip, one in ((0, 0), (1, 1), (0, 1)):
                    for t in (21, 481, 961):
                        s = in_float64(ddim_module.DDIMScheduler(prediction_type=prediction, clip_sample=bool(clip),
                                                                 set_alpha_to_one=bool(one), **betas), name)
                        s.set_timesteps(25)
                        r = s.step(OUT, t, X, eta=eta / 100)
                        key = f"ddim.{name}.eta{eta}.{prediction}.clip{clip}.one{one}.t{t}"
                        out[key + ".prev"], out[key + ".x0"] = r.prev_sample, r.pred_original_sample


def chosen(scheduler, n):
    """Trap: numpy.arange(1000, 0, -1000 / 61) has 62 values, the last about 0, and diffusers then has a timestep -1."""
    scheduler.set_timesteps(n)
    t = scheduler.timesteps
    if len(t) == n + 1 and t[n] == -1:
        t = t[:n]
    assert len(t) == n, (n, t)
    return t


def timesteps(out):
    for spacing in ("leading", "trailing", "linspace"):
        for n in (1, 2, 3, 7, 16, 48, 333):
            s = ddim_module.DDIMScheduler(timestep_spacing=spacing, steps_offset=1)
            out[f"timesteps.{spacing}.n{n}"] = chosen(s, n)
        checksum = []
        for n in range(1, 1001):
            s = ddim_module.DDIMScheduler(timestep_spacing=spacing)
            checksum.append(int((chosen(s, n) * torch.arange(1, n + 1)).sum()))
        out[f"timesteps_checksum.{spacing}"] = torch.tensor(checksum)


def save(path, tensors):
    header, data = {"__metadata__": {"made_with": "tests/oracle/ddpm_steps.py, diffusers 0.21.4 in float64"}}, b""
    for key in sorted(tensors):
        a = np.ascontiguousarray(tensors[key].numpy())
        assert a.dtype in (np.float64, np.int64), key
        header[key] = {"dtype": "F64" if a.dtype == np.float64 else "I64", "shape": list(a.shape),
                       "data_offsets": [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def main():
    out = {"in.x": X, "in.model_output": OUT, "in.noise": NOISE}
    for name in SCHEDULES:
        out[name + ".alphas_cumprod"] = abar(name)
    ddpm_steps(out)
    ddim_steps(out)
    timesteps(out)
    save(sys.argv[1], out)


main()
