# SPDX-License-Identifier: MIT
"""Checks that a model whose BatchNorm was folded away adapts as the unfolded one does, and prints the table of README.md.

usage: check_folded.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--quick]

Three models under the same rules, images and order: as they were trained; folded by torch.jit.freeze with the reference that `ttscale calibrate --from` takes
from the unfolded one; and folded with the reference that `ttscale calibrate --data` measures on clean images. --quick: the bundled demo alone, for which no
torch is needed. Exit status: 0 if the exact reference gives the unfolded accuracy within 0.1 point and the measured one not significantly (two standard
errors of the paired difference) less than 0.5 point below it, in every cell; 1 if not; 77 if there is nothing to check.
"""
import argparse
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = ["source", "batch", "prior:count=16", "ema:momentum=0.1"]
EXACT, MEASURED = 0.1, -0.5  # points of top-1: two-sided; lower bound


class Case:
    """A model, its folded twin, and images: clean ones to calibrate on, and domains to evaluate."""

    def __init__(self, name, unfolded, folded, clean, domains, batch_size, flags):
        self.name, self.unfolded, self.folded = name, unfolded, folded
        self.clean, self.domains, self.batch_size, self.flags = clean, domains, batch_size, flags


def freeze(archive: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    import torch

    torch.jit.freeze(torch.jit.load(str(archive)).eval()).save(str(out))
    return out


def demo() -> Case:
    images = ROOT / "models" / "fashion-images"
    models = ROOT / "models"
    # Folded archives have no description beside them: the flags say what fashion-resnet.json says.
    description = json.loads((models / "fashion-resnet.json").read_text())
    flags = ["--in-chans", str(description["input_size"][0]), "--mean", *map(str, description["mean"]), "--std", *map(str, description["std"])]
    domains = [images / "contrast" / "3", images / "fog" / "3", images / "gaussian_noise" / "3"]
    return Case("ResNet-14, Fashion-MNIST (bundled)", models / "fashion-resnet.scripted.pt", models / "fashion-resnet.folded.pt", images / "clean", domains, 64,
                flags)


def shared(data: pathlib.Path, folder: pathlib.Path) -> list:
    cifar, imagenet = data / "cifar10-dev", data / "imagenet-dev"
    resnet, mobilenet = data / "models" / "resnet20-cifar10.scripted.pt", data / "models" / "mobilenetv1-025-imagenet.scripted.pt"
    return [
        Case("ResNet-20, CIFAR-10", resnet, freeze(resnet, folder / "resnet.pt"), cifar / "clean",
             [cifar / "shifted" / kind / "5" for kind in ("contrast", "fog", "gaussian_noise")], 200, []),
        Case("MobileNetV1 0.25, ImageNet", mobilenet, freeze(mobilenet, folder / "mobilenet.pt"), imagenet / "clean",
             [imagenet / "shifted" / kind / "3" for kind in ("contrast", "fog", "gaussian_noise")], 50,
             ["--img-size", "224", "--crop-pct", "1.0", "--class-map", str(imagenet / "class-map.txt")]),
    ]


def run(*arguments) -> None:
    subprocess.run([str(a) for a in arguments], check=True, stdout=subprocess.DEVNULL)


def evaluate(ttscale, case: Case, model, reference, folder: pathlib.Path) -> dict:
    """Whether each image was right: {(domain, rule): {path: bool}}."""
    out = {}
    predictions = folder / "predictions.csv"
    for domain in case.domains:
        run(ttscale, "eval", model, "--data", domain, "--batch-size", case.batch_size, "--quiet", "--predictions", predictions, *case.flags,
            *[flag for rule in RULES for flag in ("--rule", rule)], *(["--reference", reference] if reference else []))
        with predictions.open(newline="") as file:
            for row in csv.DictReader(file):
                right = out.setdefault((f"{domain.parent.name} {domain.name}", row["rule"]), {})
                right[row["path"]] = row["label"] == row["prediction"]
    return out


def top1(right: dict) -> float:
    return 100 * sum(right.values()) / len(right)


def standard_error(a: dict, b: dict) -> float:
    """Of the difference of two top-1 on the same images, in points: only images on which the two differ count (McNemar 1947)."""
    return 100 * math.sqrt(sum(a[path] != b[path] for path in a)) / len(a)


def calibrate(ttscale, case: Case, out: pathlib.Path, *source) -> pathlib.Path:
    flags = [] if "--from" in source else [f for f in case.flags]
    if "--class-map" in flags:
        at = flags.index("--class-map")
        del flags[at:at + 2]
    run(ttscale, "calibrate", case.folded, "--out", out, "--quiet", *source, *flags)
    return out


def compare(ttscale, case: Case, folder: pathlib.Path) -> bool:
    exact = calibrate(ttscale, case, folder / "exact.reference", "--from", case.unfolded)
    measured = calibrate(ttscale, case, folder / "measured.reference", "--data", case.clean)
    unfolded = evaluate(ttscale, case, case.unfolded, None, folder)
    with_exact = evaluate(ttscale, case, case.folded, exact, folder)
    with_measured = evaluate(ttscale, case, case.folded, measured, folder)
    good = True
    for (domain, rule), right in unfolded.items():
        a, b = with_exact[domain, rule], with_measured[domain, rule]
        difference, error = top1(b) - top1(right), standard_error(right, b)
        fine = abs(top1(a) - top1(right)) <= EXACT + 1e-9 and difference + 2 * error >= MEASURED - 1e-9
        good = good and fine
        print(f"| {case.name} | {domain} | `{rule}` | {top1(right):.2f} | {top1(a):.2f} ({top1(a) - top1(right):+.2f}) | "
              f"{top1(b):.2f} ({difference:+.2f} ± {error:.2f}) |{'' if fine else ' WRONG'}", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, type=pathlib.Path)
    parser.add_argument("--data", default=ROOT.parent / "shared" / "data", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cases = [demo()]
        if not arguments.quick:
            if not (arguments.data / "models").is_dir():
                print(f"SKIPPED: {arguments.data} is not there; only --quick can be checked")
                return 77
            cases += shared(arguments.data, folder)
        print("| model | images | rule | unfolded | folded, reference of the unfolded model | folded, reference measured |\n|---|---|---|---|---|---|")
        good = [compare(arguments.ttscale, case, folder) for case in cases]
    print("equal within the bounds" if all(good) else f"NOT equal: more than {EXACT} point from, or more than {-MEASURED} below the unfolded model")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
