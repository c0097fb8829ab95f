# SPDX-License-Identifier: MIT
"""What check_shifts.py, check_table.py and bench_shifts.py share: the data, the pictures, the program, the place of a table in src/shift/README.md."""
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "src" / "shift" / "README.md"
DATA = ROOT.parent / "shared" / "data"
RESNET20 = "models/resnet20-cifar10.traced.pt"  # below the data
NORMALISATION = ["--mean", ".485", ".456", ".406", "--std", ".229", ".224", ".225"]


def run(ttscale: str, *arguments) -> None:
    subprocess.run([ttscale, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def spread(items: list, count: int) -> list:
    return [items[i * len(items) // count] for i in range(count)]


def centre(path: pathlib.Path, size: int) -> np.ndarray:
    image = np.array(Image.open(path).convert("RGB"))
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return np.ascontiguousarray(image[top:top + size, left:left + size])


def photographs(data: pathlib.Path, count: int) -> list:
    """The central 224x224 of as many images of ImageNet; none without the data."""
    paths = sorted((data / "imagenet-dev" / "clean").glob("*/*"))
    return [centre(path, 224) for path in spread(paths, count)] if paths else []


def cifar_paths(data: pathlib.Path, count: int) -> list:
    return spread(sorted((data / "cifar10-dev" / "clean").glob("*/*.png")), count)


def drawn_pictures(count: int, size: int) -> list:
    """Blots in random colours, smooth shades and fine stripes."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        blots = np.kron(random.uniform(0, 255, (8, 8, 3)), np.ones((size // 8, size // 8, 1)))
        shade = np.linspace(-40, 40, size)[:, None, None] * random.uniform(-1, 1, 3)
        stripes = 25 * np.sin(np.arange(size) * random.uniform(0.3, 1.5))[None, :, None]
        pictures.append((blots + shade + stripes).clip(0, 255).astype(np.uint8))
    return pictures


def write_table(script: str, text: str) -> None:
    """Puts what a script made between its two lines in the README."""
    begin, end = f"<!-- made by scripts/{script} --write -->", f"<!-- end of what {script} made -->"
    head, found_begin, rest = README.read_text(encoding="utf-8").partition(begin + "\n")
    _, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        sys.exit(f"FAILED: {README} lacks the lines {begin} and {end}")
    README.write_text(head + begin + "\n" + text + end + tail, encoding="utf-8")
