"""An oracle for the networks: small random diffusers and transformers models, traced by PyTorch, clean or with a planted fault.

Needs PyTorch 1.13, diffusers 0.21.4, transformers 4.35 (4.31 or later: the rule for eos_token_id), numpy 1.24.

    nets.py golden DIR           rebuild every trace of the golden files from their weights and inputs: agreement to 1e-12
    nets.py list                 the names of the configs (nets_cases.py), one a line, with what they change
    nets.py make KIND OUT        KIND: unet, vae, taesd, clip. Writes OUT/<network>/ (config.json and weights as diffusers and
                                 transformers do), OUT/io.safetensors (format sdref-trace-1) and, with a fault, OUT/fault.json
        --config NAME|FILE.json|{...}   a name of `list`; any config.json of those libraries; or settings on top of the small
                                 config (nets_cases.py) of the "_class_name" among them
        --seed S                 of weights and inputs
        --dtype f32|f16|bf16     of the stored weights
        --trace f64|f32|f16|bf16 precision of the traced run (nets_trace.py says how)
        --taps golden|all|blocks|naive|NAME,NAME...
        --grads some|all|none    parameters whose gradient is recorded (none in half precision)
        --batch B --size HxW --tokens L
        --fault KIND@MODULE      one of nets_faults.py, for instance norm-eps@mid_block.resnets.0.norm1
        --fault random           kind and place drawn;   --fault-seed N draws them, and the details of a given kind
    nets.py all OUTDIR [NAME...] every config: OUTDIR/NAME/ with io.safetensors (f64), io_f32, io_f16; for one in three io_bf16, for
                                 another io_f32_blocks, with taps "blocks". Some configs cannot run in half precision
    nets.py faults OUTDIR N      N random faults: OUTDIR/NNN_<config>_<precision>/;   --fault-seed M starts at M

Two runs give the same files. The metadata of a trace does not tell a fault; fault.json holds
    kind, where, detail    what was planted in which module
    expected    the first recorded tensor, in the order of computation, that differs from the clean run, both in float64: the
                module that contains the fault, or the first recorded one that reads what it spoils
    effect      relative L2 of that difference
"""
import argparse
import copy
import glob
import json
import os
import random
import shutil

import torch
import diffusers
import transformers

from nets_cases import CASES, FAULT_BASES, SMALL, inputs_for, kind_of
from nets_faults import Unfit, places, plant
from nets_model import DTYPES, build, folder_of, load_network, load_tensors, save_network, save_tensors
from nets_trace import trace

torch.set_num_threads(1)
PRECISIONS = ("f64", "f32", "f16", "bf16")


def relative(ours, theirs):
    return float((ours.double() - theirs.double()).norm()) / max(float(theirs.double().norm()), 1e-300)


def stored_inputs(inputs, precision):
    """Inputs as the traced model sees them: halves in half precision, except timesteps; else float32, and whole ones as I64."""
    dtype = DTYPES[precision.upper()] if precision in ("f16", "bf16") else torch.float32
    keep = lambda k, v: v.dtype == torch.int64 or k == "timestep"
    return {k: v if keep(k, v) else v.to(dtype) for k, v in inputs.items()}


def write_trace(path, kind, network, inputs, results, precision, dtype):
    library = f"transformers {transformers.__version__}" if kind == "clip" else f"diffusers {diffusers.__version__}"
    save_tensors(path, {**{"in." + k: v for k, v in inputs.items()}, **results},
                 {"format": "sdref-trace-1", "kind": kind, "network": network,
                  "made_with": f"{library}, PyTorch {torch.__version__}, {precision} evaluation of {dtype} weights"})


# ----------------------------------------------------------------------------------------------------------------- faults
def difference(clean, faulty):
    """-> (first name in the order of computation that differs, its relative L2), or None: no effect, other shapes, not finite."""
    if list(clean) != list(faulty) or any(clean[k].shape != faulty[k].shape for k in clean):
        return None
    if not all(bool(v.isfinite().all()) for v in faulty.values()):
        return None
    for k in clean:
        if not torch.equal(clean[k], faulty[k]):
            return k, relative(faulty[k], clean[k])
    return None


def planted(model, kind, path, seed):
    spoiled = copy.deepcopy(model)
    return spoiled, plant(spoiled, kind, path, random.Random(seed))


def try_fault(model, kind, inputs, taps, clean, fault, path, seed):
    """-> record for fault.json, or None where it cannot be planted or changes nothing."""
    try:
        spoiled, detail = planted(model, fault, path, seed)
        found = difference(clean, trace(kind, spoiled, inputs, "f64", taps, "none"))
    except (Unfit, RuntimeError, ValueError, AssertionError):
        return None
    if found is None or found[1] < 1e-9:
        return None
    return {"kind": fault, "where": path, "detail": detail, "expected": found[0], "effect": found[1], "seed": seed}


def choose_fault(model, kind, inputs, taps, wish, seed):
    clean = trace(kind, copy.deepcopy(model), inputs, "f64", taps, "none")
    if wish != "random":
        fault, _, path = wish.partition("@")
        if path not in places(model).get(fault, ()):
            raise SystemExit(f"{wish}: no such kind or place; kinds that this model has: {' '.join(sorted(places(model)))}")
        record = try_fault(model, kind, inputs, taps, clean, fault, path, seed)
        if record is None:
            raise SystemExit(f"{wish}: cannot be planted there, or changes nothing")
        return record
    rng, found = random.Random(seed), places(model)
    while True:
        fault = rng.choice(sorted(found))
        record = try_fault(model, kind, inputs, taps, clean, fault, rng.choice(found[fault]), rng.randrange(1 << 30))
        if record is not None:
            return record


# ------------------------------------------------------------------------------------------------------------------- make
def make(out, how, seed, traces, grads="some", fault=None, fault_seed=0):
    """One folder: network, a file per trace ("f32", or with other taps "f32_blocks"; the first is io.safetensors), fault.json."""
    config, kind = how["config"], kind_of(how["config"])
    model = build(config, seed, how["dtype"])
    network = folder_of(model)
    shutil.rmtree(out, ignore_errors=True)
    save_network(model, config, os.path.join(out, network), how["dtype"], how["store"])
    for i, label in enumerate(traces):
        precision, _, taps = label.partition("_")
        taps = taps or how["taps"]
        inputs = stored_inputs(inputs_for(model, how, seed), precision)
        run = copy.deepcopy(model)
        if fault:
            record = choose_fault(model, kind, inputs, taps, fault, fault_seed)
            run, _ = planted(model, record["kind"], record["where"], record["seed"])
            with open(os.path.join(out, "fault.json"), "w") as f:
                json.dump({**record, "trace": precision}, f, indent=1)
        try:
            results = trace(kind, run, inputs, precision, taps, grads)
        except RuntimeError as e:
            if i == 0 or precision not in ("f16", "bf16"):
                raise
            print(f"{out}: no {precision} trace: {e}")
            continue
        name = "io.safetensors" if i == 0 else f"io_{label}.safetensors"
        write_trace(os.path.join(out, name), kind, network, inputs, results, precision, how["dtype"])


def how_of(text):
    """A name of the table, a config.json, or settings on top of the small config of their _class_name."""
    if text in CASES:
        return dict(CASES[text])
    if text.startswith("{"):
        config = json.loads(text)
        config = {**SMALL.get(config.get("_class_name"), {}), **config}
    else:
        with open(text) as f:
            config = json.load(f)
    return dict(config=config, batch=1, size=(8, 8), tokens=7, dtype="f32", store=(), taps="golden", time="whole")


def command_make(a):
    defaults = {"unet": "sd_all_taps", "vae": "vae_sd", "taesd": "taesd", "clip": "clip_both"}
    how = how_of(a.config or defaults[a.kind])
    if kind_of(how["config"]) != a.kind:
        raise SystemExit(f"--config is of kind {kind_of(how['config'])}, not {a.kind}")
    for key in ("batch", "tokens", "taps", "dtype"):
        how[key] = getattr(a, key) or how[key]
    if a.size:
        how["size"] = tuple(int(n) for n in a.size.split("x"))
    make(a.out, how, a.seed, [a.trace], a.grads, a.fault, a.fault_seed)


def command_all(a):
    for i, name in enumerate(CASES):
        if not a.names or name in a.names:
            make(os.path.join(a.out, name), CASES[name], i, ("f64", "f32", "f16") + (("bf16",), ("f32_blocks",), ())[i % 3])
            print(name, flush=True)


def command_faults(a):
    cycle = ("f64", "f32", "f64", "f32", "f64", "f32", "f16", "f64", "f32", "bf16")
    for i in range(a.fault_seed, a.fault_seed + a.n):
        base, precision = FAULT_BASES[i % len(FAULT_BASES)], cycle[i % len(cycle)]
        out = os.path.join(a.out, f"{i:03d}_{base}_{precision}")
        how = dict(CASES[base], taps="blocks") if i % 6 == 5 else CASES[base]
        make(out, how, 5000 + i, [precision], fault="random", fault_seed=i)
        with open(os.path.join(out, "fault.json")) as f:
            r = json.load(f)
        print(f"{out}: {r['kind']}@{r['where']} ({r['detail']}) -> {r['expected']} {r['effect']:.1e}", flush=True)


def command_list(a):
    for name, how in CASES.items():
        cls = how["config"].get("_class_name") or how["config"]["architectures"][0]
        other = {k: v for k, v in how["config"].items() if SMALL.get(cls, {}).get(k) != v and k not in ("_class_name", "architectures")}
        print(f"{name:24} {cls:21} {how['batch']}x{how['size'][0]}x{how['size'][1]} {json.dumps(other)}")


def command_golden(a):
    worst = 0.0
    for path in sorted(glob.glob(os.path.join(a.dir, "nets/*/io.safetensors")) + glob.glob(os.path.join(a.dir, "*_io.safetensors"))):
        theirs, metadata = load_tensors(path)
        model = load_network(os.path.join(os.path.dirname(path), metadata["network"]))
        ours = trace(metadata["kind"], model, {k[3:]: v for k, v in theirs.items() if k.startswith("in.")}, "f64", "all", "all")
        results = [k for k in theirs if not k.startswith("in.")]
        errors = {k: relative(ours[k], theirs[k]) if k in ours and ours[k].dtype == theirs[k].dtype else float("inf") for k in results}
        name = max(errors, key=errors.get)
        worst = max(worst, errors[name])
        print(f"{os.path.relpath(path, a.dir):30} {len(results):4} tensors, worst {errors[name]:.1e} {name}")
    if not 0.0 < worst < 1e-12:
        raise SystemExit("golden files are not reproduced to 1e-12")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True)
    m = sub.add_parser("make")
    m.add_argument("kind", choices=["unet", "vae", "taesd", "clip"])
    m.add_argument("out")
    m.add_argument("--config")
    m.add_argument("--dtype", choices=["f32", "f16", "bf16"])
    m.add_argument("--trace", choices=PRECISIONS, default="f64")
    m.add_argument("--taps")
    m.add_argument("--grads", choices=["some", "all", "none"], default="some")
    m.add_argument("--batch", type=int)
    m.add_argument("--tokens", type=int)
    m.add_argument("--size")
    m.add_argument("--fault")
    m.add_argument("--seed", type=int, default=0)
    m.add_argument("--fault-seed", type=int, default=0)
    g = sub.add_parser("golden")
    g.add_argument("dir")
    sub.add_parser("list")
    every = sub.add_parser("all")
    every.add_argument("out")
    every.add_argument("names", nargs="*")
    f = sub.add_parser("faults")
    f.add_argument("out")
    f.add_argument("n", type=int)
    f.add_argument("--fault-seed", type=int, default=0)
    a = p.parse_args()
    globals()["command_" + a.command](a)


if __name__ == "__main__":
    main()
