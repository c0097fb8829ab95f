# SPDX-License-Identifier: MIT
"""How much the rule `auto` depends on each of its constants: every one halved and doubled, on the rows of bench_rules.py that they are there for.

usage: auto_sensitivity.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--models demo,resnet20] [--images 60] [--write src/stats/README.md]

One `ttscale eval` a model and row: all variants see the same images in the same order. A number is the change in top-1 points against `auto` as it is, in the mean
over domains and seeds 0 and 1. Guards are off, so that they hide nothing.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROWS = ["shuffled/1", "shuffled/16", "sorted/16", "mixed/64", "recurring/16", "clean/16"]
BEGIN, END = "<!-- made by scripts/auto_sensitivity.py --write -->", "<!-- end of what auto_sensitivity.py made -->"
MOST_OF_A_SHARE = {"weight", "concentration"}  # constants from 0 to 1


def load_bench():
    spec = importlib.util.spec_from_file_location("bench_rules", ROOT / "scripts" / "bench_rules.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_rules"] = module
    spec.loader.exec_module(module)
    return module


def constants() -> dict:
    """Names and values as the header has them."""
    header = (ROOT / "include" / "ttscale" / "rule.h").read_text(encoding="utf-8")
    body = re.search(r"struct Auto \{(.*?)\n\};", header, re.DOTALL).group(1)
    return {name: float(value) for name, value in re.findall(r"double (\w+) = ([0-9.]+);", body)}


def variants() -> list:
    """(constant, how, rule)"""
    found = []
    for name, value in constants().items():
        for how, factor in (("half", 0.5), ("double", 2)):
            changed = min(1, value * factor) if name in MOST_OF_A_SHARE else value * factor
            found.append((name, how, f"auto:{name}={changed:g}"))
    return found


def measure(program: str, command: list, rules: list) -> dict:
    """Mean top-1 over cells, by rule."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "results.json"
        done = subprocess.run([program, "eval", *command, *[flag for rule in rules for flag in ("--rule", rule)], "--guard", "off", "--quiet", "--results-file", str(file)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"})
        if done.returncode != 0:
            sys.exit(f"auto_sensitivity: {program} eval failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    sums = {}
    for cell in cells:
        sums.setdefault(cell["rule"], []).append(cell["top1"])
    return {rule: sum(values) / len(values) for rule, values in sums.items()}


def table(found: dict, rows: list) -> str:
    """`found`: by model and row, top-1 by rule."""
    heads = [f"{model} {row}" for model in found for row in rows if row in found[model]]
    lines = ["| constant | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    cells = [found[model][row] for model in found for row in rows if row in found[model]]
    lines.append("| `auto` as it is, top-1 | " + " | ".join(f"{cell['auto']:.1f}" for cell in cells) + " |")
    by_name = {}
    for name, how, rule in variants():
        by_name.setdefault(name, {})[how] = rule
    for name, value in constants().items():
        changes = [" / ".join(f"{cell[by_name[name][how]] - cell['auto']:+.1f}" for how in ("half", "double")) for cell in cells]
        lines.append(f"| `{name}` ({value:g}) | " + " | ".join(changes) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--models", default="demo,resnet20")
    parser.add_argument("--images", type=int, default=60, help="of a domain")
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file with the marks for the table")
    args = parser.parse_args()
    if args.write and not (args.write.is_file() and BEGIN in args.write.read_text(encoding="utf-8")):
        sys.exit(f"auto_sensitivity: expected the marks {BEGIN} ... {END} in {args.write}; add them where the table should stand")
    bench = load_bench()
    runner = argparse.Namespace(seeds=[0, 1], images=args.images)
    known = {model.name: model for model in bench.models(args.data)}
    rows = {row.key: row for row in bench.ROWS}
    found = {}
    for name in args.models.split(","):
        if name not in known:
            sys.exit(f"auto_sensitivity: expected models of {', '.join(known)}, found {name}; is --data there?")
        found[name] = {}
        for key in ROWS:
            command = bench.Bench.command(runner, known[name], rows[key])
            found[name][key] = measure(str(pathlib.Path(args.ttscale).resolve()), command, ["auto", *dict.fromkeys(rule for _, _, rule in variants())])
            print(f"{name} {key}: auto {found[name][key]['auto']:.2f}", flush=True)
    text = table(found, ROWS)
    print("\n" + text)
    if args.write:
        old = args.write.read_text(encoding="utf-8")
        start = old.index(BEGIN) + len(BEGIN)
        end = old.index(END, start)
        temporary = args.write.with_suffix(".tmp")
        temporary.write_text(old[:start] + "\n" + text + old[end:], encoding="utf-8")
        os.replace(temporary, args.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
