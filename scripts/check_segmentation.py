# SPDX-License-Identifier: MIT
"""Compares `ttscale eval --task segmentation` with eager PyTorch on torchvision's LR-ASPP.

usage: check_segmentation.py --ttscale BUILD/bin/ttscale

The network (MobileNetV3-large, six classes) has random weights and statistics of made-up images; labels are what it says about the clean images, with some
of it changed or ignored. Images are read and resized by Pillow, labels by its NEAREST, both in the same order and batches; scores are upsampled by
F.interpolate and counted by numpy. Exit status: 0 if every mIoU and pixel accuracy agrees to 0.05 points, 1 if not, 77 if torchvision is not there.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    import torchvision
    from PIL import Image
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; segmentation was not compared with Python's")
    sys.exit(77)

CLASSES, IMAGES, BATCH, IGNORED = 6, 8, 4, 255
SIZE = (96, 128)  # of the model's input; the files are 150 by 190
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def make_picture(random: np.random.Generator) -> Image.Image:
    """Smooth patches of colour."""
    patches = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return patches.resize((190, 150), Image.BICUBIC)


def to_input(picture: Image.Image) -> torch.Tensor:
    resized = picture.resize((SIZE[1], SIZE[0]), Image.BILINEAR)
    pixels = torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1).float().div(255)
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def make_model(pictures: list) -> torch.nn.Module:
    torch.manual_seed(0)
    model = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the mean over what it meets
    with torch.no_grad():
        model.train()(torch.stack([to_input(picture) for picture in pictures]))
    return model.eval()


def predict(model: torch.nn.Module, pictures: list, adapting: bool, size) -> np.ndarray:
    """Classes [N, H, W] at that size; with batch statistics where adapting."""
    maps = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.training, layer.momentum = adapting, 0.0
    with torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            scores = model(torch.stack([to_input(picture) for picture in pictures[start:start + BATCH]]))["out"]
            maps.append(F.interpolate(scores, size=size, mode="bilinear", align_corners=False).argmax(1))
    return torch.cat(maps).numpy()


def scores_of(predicted: np.ndarray, labels: np.ndarray) -> tuple:
    """mIoU over the classes that occur, and pixel accuracy, in %."""
    counted = labels != IGNORED
    confusion = np.bincount(labels[counted].astype(np.int64) * CLASSES + predicted[counted], minlength=CLASSES ** 2).reshape(CLASSES, CLASSES)
    right = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - right
    return 100 * (right[union > 0] / union[union > 0]).mean(), 100 * right.sum() / confusion.sum()


def write_data(folder: pathlib.Path, model: torch.nn.Module, domains: dict, random: np.random.Generator) -> list:
    """Images by domain, labels for all; returns the label maps."""
    labels = predict(model, domains["clean"], False, (150, 190)).astype(np.uint8)
    for label in labels:
        for value in (*range(CLASSES), IGNORED):
            y, x = random.integers(0, 110), random.integers(0, 150)
            label[y:y + 40, x:x + 40] = value
    (folder / "labels").mkdir()
    for i, label in enumerate(labels):
        Image.fromarray(label).save(folder / "labels" / f"{i}.png")
    for name, pictures in domains.items():
        (folder / "images" / name).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            picture.save(folder / "images" / name / f"{i}.png")
    return [Image.fromarray(label).resize((SIZE[1], SIZE[0]), Image.NEAREST) for label in labels]


def run_program(program: str, folder: pathlib.Path, domains: dict) -> dict:
    """Scores by (domain, rule)."""
    order = folder / "order.txt"
    order.write_text("".join(f"{folder}/images/{name}/{i}.png\n" for name in domains for i in range(IMAGES)))
    subprocess.run([program, "eval", folder / "lraspp.pt", "--task", "segmentation", "--output", "out", "--data", folder / "images", "--labels",
                    folder / "labels", "--order", f"file:{order}", "--batch-size", str(BATCH), "--rule", "source", "--rule", "batch", "--img-size",
                    str(SIZE[0]), str(SIZE[1]), "--crop-pct", "1", "--crop-mode", "squash", "--results-file", folder / "r.json", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    cells = json.loads((folder / "r.json").read_text())["cells"]
    return {(cell["domain"], cell["rule"]): (cell["miou"], cell["pixel_accuracy"]) for cell in cells}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    clean = [make_picture(random) for _ in range(IMAGES)]
    domains = {"clean": clean, "dark": [picture.point(lambda value: int(0.3 * value)) for picture in clean]}
    model = make_model(clean)
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        labels = np.stack([np.asarray(label) for label in write_data(folder, model, domains, random)])
        torch.jit.script(model).save(str(folder / "lraspp.pt"))
        found = run_program(args.ttscale, folder, domains)
        for domain, pictures in domains.items():
            for rule in ("source", "batch"):
                expected = scores_of(predict(model, pictures, rule == "batch", SIZE), labels)
                agrees = all(abs(a - b) < 0.05 for a, b in zip(found[domain, rule], expected))
                good = good and agrees
                print(f"{domain:6} {rule:6}  mIoU {found[domain, rule][0]:.3f} and {expected[0]:.3f}, pixel accuracy {found[domain, rule][1]:.3f} and "
                      f"{expected[1]:.3f}{'' if agrees else '  <- differ'}")
    print("all scores agree to 0.05 points" if good else "FAILED: see the lines marked above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
