# SPDX-License-Identifier: MIT
"""Checks that an archive of `ttscale adapt --keep-online` gives in Python what the program gives, batch after batch.

usage: check_online.py --ttscale BUILD/bin/ttscale --library BUILD/lib/libttscale.so

The bundled model sees clean images; its statistics go into an archive that goes on adapting (--keep-online) and into a state file (--state-out). The program
then evaluates the bundled images from that state on, and the archive runs in Python over the same images, read by Pillow in the order of the program's
predictions and batched alike. Classes must be the same, and confidences to five decimals, for each domain and rule, in the unfolded model and in the folded
one with its reference. Exit status: 0 if they are, 1 if not, 77 if this Python has no torch, or another than ttscale was built with.
"""
import argparse
import csv
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from PIL import Image
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; online archives were not compared with the program")
    sys.exit(77)

MODELS = pathlib.Path(__file__).resolve().parents[1] / "models"
RULES = ["auto", "ema:momentum=0.05", "ema:momentum=0.2,order=use-update", "cumulative", "dua", "tbr:published", "unmixtns:components=4", "mixnorm", "tema",
         "rotta:momentum=0.5"]
BATCH = 32
IMAGES = 150  # a domain: the last batch is smaller than the others
CONFIDENCE_BOUND = 1e-5


def read_image(path: str, config: dict) -> torch.Tensor:
    pixels = np.asarray(Image.open(path).convert("RGB")).copy()
    assert list(pixels.shape[:2]) == config["input_size"][1:], f"{path} would have to be resized"
    x = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    return (x - torch.tensor(config["mean"]).view(3, 1, 1)) / torch.tensor(config["std"]).view(3, 1, 1)


def predictions_of_program(program: str, archive: pathlib.Path, rule: str, flags: list, folder: pathlib.Path) -> list:
    """Leaves the online archive in the folder; returns the rows of the evaluation from the same state on."""

    def ttscale(command: str, *arguments) -> None:
        subprocess.run([program, command, *map(str, [archive, "--rule", rule, "--batch-size", BATCH, *arguments, *flags])], check=True, capture_output=True)

    images = MODELS / "fashion-images"
    ttscale("adapt", "--data", images / "clean", "--num-samples", 100, "--keep-online", "--out", folder / "online.pt", "--state-out", folder / "state")
    ttscale("eval", "--data", images, "--num-samples", IMAGES, "--state-in", folder / "state", "--predictions", folder / "predictions.csv")
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(name: str, rows: list, online: pathlib.Path, config: dict) -> bool:
    same, worst, domains = 0, 0.0, 0
    for _, group in itertools.groupby(rows, key=lambda row: row["domain"]):
        group = list(group)
        module = torch.jit.load(str(online)).eval()  # each domain starts from the state in the archive
        domains += 1
        for start in range(0, len(group), BATCH):
            part = group[start:start + BATCH]
            with torch.no_grad():
                confidence, predicted = module(torch.stack([read_image(row["path"], config) for row in part])).softmax(1).max(1)
            same += sum(int(row["prediction"]) == p for row, p in zip(part, predicted.tolist()))
            worst = max(worst, max(abs(float(row["confidence"]) - c) for row, c in zip(part, confidence.tolist())))
    good = bool(rows) and same == len(rows) and worst <= CONFIDENCE_BOUND
    print(f"{name:58s} {domains} domains: {same} of {len(rows)} classes the same, confidences differ by at most {worst:.0e}{'' if good else '  <-- WRONG'}",
          flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--library", required=True, help="libttscale.so")
    args = parser.parse_args()
    version = subprocess.run([args.ttscale, "--version"], capture_output=True, text=True, check=True).stdout
    built_with = re.search(r"LibTorch ([\d.]+)", version).group(1)
    if torch.__version__.split("+")[0].split("a")[0] != built_with:  # Debian's is 1.13.0a0
        print(f"SKIPPED: {sys.executable} has torch {torch.__version__}, ttscale was built with {built_with}; online archives were not compared with the "
              "program")
        return 77

    torch.ops.load_library(args.library)
    config = json.loads((MODELS / "fashion-resnet.json").read_text(encoding="utf-8"))
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folded, twin = MODELS / "fashion-resnet.folded.pt", MODELS / "fashion-resnet.scripted.pt"
        reference = folder / "reference"
        subprocess.run([args.ttscale, "calibrate", folded, "--from", twin, "--out", reference], check=True, capture_output=True)
        cases = [(twin, []), (folded, ["--reference", reference])]
        for (archive, flags), rule in itertools.product(cases, RULES):
            rows = predictions_of_program(args.ttscale, archive, rule, flags, folder)
            good &= compare(f"{archive.stem} {rule}", rows, folder / "online.pt", config)
    print("Python and the program agree" if good else "FAILED: see the lines marked above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
