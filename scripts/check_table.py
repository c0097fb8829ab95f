# SPDX-License-Identifier: MIT
"""Checks that corruptions made on the fly give the accuracies that Python measured on the published ones.

usage: check_table.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--shift-seed 0]

The table is that of the data folder's README.md: ResNet-20 on all 10000 test images of CIFAR-10, clean and under eight corruptions of the original functions,
as it is and with statistics of each shuffled batch of 200, in PyTorch. `ttscale eval` repeats it on the 2000 test images of the data folder, with corruptions of its own
(--shift, parameters of CIFAR-10-C) under the rules source and batch. A difference may be up to 3 standard errors of a share of 2000 images. Exit status: 0 if
all hold, 1 if not, 77 without the data.
"""
import argparse
import csv
import math
import pathlib
import re
import sys
import tempfile

try:
    from shift_checks import DATA, NORMALISATION, RESNET20, run
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; the Python table was not repeated")
    sys.exit(77)

BATCH = 200
LARGEST_Z = 3
ROWS = {"source": "source", "BN, batch 200": "batch"}  # of the table: rules


def python_table(readme: pathlib.Path) -> dict:
    """(domain, rule) -> accuracy in %, from the table whose head names clean and corruptions with two severities."""
    expected, domains = {}, []
    for line in readme.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) > 2 and cells[1] == "clean" and cells[2].endswith(" 3 / 5"):
            domains = ["clean"] + [f"{cell.split()[0]}/{severity}" for cell in cells[2:] for severity in (3, 5)]
        elif domains and cells[0] in ROWS:
            values = map(float, re.findall(r"[\d.]+", " ".join(cells[1:])))
            expected.update({(domain, ROWS[cells[0]]): value for domain, value in zip(domains, values)})
    if len(expected) != 18:
        sys.exit(f"FAILED: {readme}: expected a table of clean and eight shifted columns for {', '.join(ROWS)}, found {len(expected)} of its 18 values")
    return expected


def measured_table(args, domains: list) -> dict:
    """(domain, rule) -> accuracy in %, images."""
    shifts = [domain.replace("/", ":") for domain in domains]
    rules = [part for rule in ROWS.values() for part in ("--rule", rule)]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "results.csv"
        run(args.ttscale, "eval", args.data / RESNET20, "--data", args.data / "cifar10-dev" / "clean", "--shift", ";".join(shifts), "--shift-parameters", "cifar",
            "--shift-seed", args.shift_seed, "--batch-size", BATCH, "--order", "shuffled", "-q", *rules, *NORMALISATION, "--results-file", file)
        with open(file, newline="", encoding="utf-8") as stream:
            return {(row["domain"], row["rule"]): (float(row["top1"]), int(row["images"])) for row in csv.DictReader(stream)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with README.md, cifar10-dev and models")
    parser.add_argument("--shift-seed", type=int, default=0, help="seed of the corruptions (0)")
    args = parser.parse_args()
    if not (args.data / RESNET20).is_file():
        print(f"SKIPPED: {args.data / RESNET20} is not there; the Python table was not repeated")
        return 77
    expected = python_table(args.data / "README.md")
    found = measured_table(args, list(dict.fromkeys(domain for domain, _ in expected)))
    wrong = 0
    print("| domain | rule | Python, % | ttscale, % | standard error | difference / error | |\n| --- | --- | --- | --- | --- | --- | --- |")
    for (domain, rule), share in expected.items():
        top1, images = found[domain, rule]
        error = 100 * math.sqrt(share / 100 * (1 - share / 100) / images)
        z = (top1 - share) / error
        wrong += abs(z) > LARGEST_Z
        print(f"| {domain} | {rule} | {share:.2f} | {top1:.2f} | {error:.2f} | {z:+.1f} | {'FAILED' if abs(z) > LARGEST_Z else 'holds'} |")
    print(f"{len(expected) - wrong} of {len(expected)} within {LARGEST_Z} standard errors")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
