"""Tries `sdref verify` on the folders that nets.py wrote and says how many clean traces pass and how many faults are named.

    judge.py FOLDER... --program build/sdref --program build/sdref-f64 [--verbose] [--only f32]

A folder holds cases: NAME/io*.safetensors, and NAME/fault.json where a fault is planted. Clean traces have to end with exit
code 0. Of a fault, the tensor that the closing sentence names has to be the expected one. Outcomes of a fault:
    named      the expected tensor            near    another tensor of the expected module's parents or children
    wrong      another tensor                 missed  exit code 0: nothing noticed
    trouble    exit code 2, a crash, or longer than --limit seconds (of clean traces too: a refusal shows its one line)
A fault counts as visible where its effect on the expected tensor is at least twice the local bar of the trace's type; only
those can be asked for. Exit code 0 if every clean trace passes (configs named x_* may be refused) and 9 in 10 visible faults
are named; rates are by program, precision and kind.
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

TYPES = ("f64", "f32", "f16", "bf16")


def named_tensor(output):
    """The one place that knows the words of `verify`: the first quoted name of the last line that begins with "short:"."""
    closing = [line for line in output.splitlines() if line.startswith("short:")]
    found = re.search(r"'([^']+)'", closing[-1]) if closing else None
    return found.group(1) if found else None


def bar(precision, program):
    """Local bars: a float program is held to 5e-6 by float64 traces."""
    f64 = 1e-10 if program.endswith("f64") else 5e-6
    return {"f64": f64, "f32": 1e-5, "f16": 4e-3, "bf16": 3e-2}[precision]


def run(program, trace, limit):
    """-> exit code (None: crash or too long), last line of stdout or of stderr, stdout"""
    try:
        r = subprocess.run([program, "verify", trace], capture_output=True, text=True, timeout=limit, errors="replace",
                           env={**os.environ, "OMP_NUM_THREADS": "1"})     # tiny networks: threads only wait for each other
    except subprocess.TimeoutExpired:
        return None, f"longer than {limit} s", ""
    text = (r.stderr if r.returncode not in (0, 1) else r.stdout).strip().splitlines()
    return (r.returncode if r.returncode >= 0 else None), (text[-1] if text else f"exit code {r.returncode}"), r.stdout


def outcome_of_fault(code, output, expected):
    if code == 0:
        return "missed", None
    if code != 1:
        return "trouble", None
    name = named_tensor(output)
    if name is None:
        return "wrong", None
    a, b = (n.partition(".")[2] + "." for n in (name, expected))
    near = name.startswith("act.") and expected.startswith("act.") and (a.startswith(b) or b.startswith(a))
    return ("named" if name == expected else "near" if near else "wrong"), name


def traces(folders, only):
    """-> (case, trace file, precision, fault record or None)"""
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, "*", "io*.safetensors"))):
            case = os.path.basename(os.path.dirname(path))
            precision = re.search(r"io_?([a-z0-9]*)\w*\.safetensors", path).group(1) or "f64"
            record = None
            if os.path.exists(os.path.join(os.path.dirname(path), "fault.json")):
                with open(os.path.join(os.path.dirname(path), "fault.json")) as f:
                    record = json.load(f)
                precision = record["trace"]
            if not only or precision in only:
                yield case, path, precision, record


def share(counts, good):
    total = sum(counts.values())
    rest = ", ".join(f"{v} {k}" for k, v in sorted(counts.items()) if k != good)
    return f"{counts[good]:4} of {total:4} {good} ({100 * counts[good] / max(total, 1):5.1f} %)" + (f"; {rest}" if rest else "")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", nargs="+")
    p.add_argument("--program", action="append", required=True)
    p.add_argument("--only", action="append", choices=TYPES)
    p.add_argument("--limit", type=float, default=60.0)
    p.add_argument("--verbose", action="store_true", help="a line for what went well, too")
    a = p.parse_args()
    clean, faults, kinds = (collections.defaultdict(collections.Counter) for _ in range(3))
    beyond = 0
    for case, path, precision, record in traces(a.folder, a.only):
        for program in a.program:
            code, line, output = run(program, path, a.limit)
            who = os.path.basename(program)
            key = f"{who:10} {precision:5}"
            where = f"{key} {case}/{os.path.basename(path)}"
            if record is None:
                outcome = "fine" if code == 0 else "blamed" if code == 1 else "trouble"
                if case.startswith("x_") and code == 2:
                    outcome, beyond = "refused", beyond + 1
                else:
                    clean[key][outcome] += 1
                if a.verbose or outcome != "fine":
                    print(f"{outcome:8} {where}: {line}")
                continue
            outcome, name = outcome_of_fault(code, output, record["expected"])
            seen = "visible" if record["effect"] >= 2 * bar(precision, program) else "below the bar"
            faults[f"{key} {seen}"][outcome] += 1
            if seen == "visible":
                kinds[record["kind"]][outcome] += 1
            if a.verbose or outcome != "named" and (seen == "visible" or outcome == "trouble"):
                print(f"{outcome:8} {where}: {record['kind']}@{record['where']} ({record['detail']}), effect {record['effect']:.1e}; "
                      f"expected {record['expected']}, named {name}" + (f"; {line}" if name is None else ""))
    for title, table, good in (("clean", clean, "fine"), ("faults", faults, "named"), ("visible faults by kind", kinds, "named")):
        if table:
            print(f"\n{title}")
            for key in sorted(table):
                print(f"  {key:34} {share(table[key], good)}")
    if beyond:
        print(f"\n{beyond} traces of configs beyond those that have to be supported were refused")
    visible = sum((v for k, v in faults.items() if k.endswith("visible")), collections.Counter())
    passed = all(v["fine"] == sum(v.values()) for v in clean.values()) and visible["named"] >= 0.9 * sum(visible.values())
    passed = passed and bool(clean or visible)
    print(f"\n{'pass' if passed else 'FAIL'}")
    sys.exit(0 if passed else 1)


main()
