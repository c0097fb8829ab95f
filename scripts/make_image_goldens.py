# SPDX-License-Identifier: MIT
"""Write tests/image/golden: what Pillow and torchvision make of small images, as checksums.

Needs torch, torchvision and Pillow. With --dump it writes reference tensors of given images instead, for comparison
with `ttscale preprocess --dump`:

    python scripts/make_image_goldens.py
    python scripts/make_image_goldens.py --dump OUT IMAGE...
"""

from __future__ import annotations

import argparse
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import functional as F

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "image" / "golden"
FULLSIZE = ROOT.parent / "shared" / "data" / "imagenet-fullsize"
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GRAY_MEAN, GRAY_STD = (0.5,), (0.25,)


@dataclass(frozen=True)
class Case:
    """One preprocessing, spelled as in the golden file."""

    height: int
    width: int
    crop_pct: float = 0.875
    crop_mode: str = "center"
    interpolation: str = "bilinear"
    in_chans: int = 3

    def __str__(self) -> str:
        return (
            f"{self.height} {self.width} {self.crop_pct} {self.crop_mode} "
            f"{self.interpolation} {self.in_chans}"
        )


def checksum(data: bytes) -> str:
    """CRC-32 and length: short, and the same in any language."""
    return f"{zlib.crc32(data):08x}-{len(data)}"


def resize(image: Image.Image, height: int, width: int, interpolation: str) -> Image.Image:
    """Resize with the horizontal pass first: Pillow 13 swaps the passes when the height shrinks much more."""
    wide = image.resize((width, image.height), FILTERS[interpolation])
    return wide.resize((width, height), FILTERS[interpolation])


def center(image: Image.Image, height: int, width: int, fill: tuple[int, ...]) -> Image.Image:
    """Crop the centre; pad first where the image is smaller, the smaller half left and top."""
    across, down = max(0, width - image.width), max(0, height - image.height)
    padding = [across // 2, down // 2, across - across // 2, down - down // 2]
    return F.center_crop(F.pad(image, padding, fill=fill if len(fill) > 1 else fill[0]), [height, width])


def scaled_size(image: Image.Image, case: Case) -> tuple[int, int]:
    """Height and width of the resized image, by the rules of torchvision and timm."""
    target = [math.floor(side / case.crop_pct) for side in (case.height, case.width)]
    if case.crop_mode == "squash":
        return target[0], target[1]
    if case.crop_mode == "center" and target[0] == target[1]:
        short, long = min(image.size), max(image.size)
        longer = int(target[0] * long / short)
        return (longer, target[0]) if image.width <= image.height else (target[0], longer)
    ratios = (image.height / target[0], image.width / target[1])
    ratio = max(ratios) if case.crop_mode == "border" else min(ratios)
    return round(image.height / ratio), round(image.width / ratio)


def reference(path: Path, case: Case) -> torch.Tensor:
    """The normalised model input of an image."""
    image = Image.open(path).convert("L" if case.in_chans == 1 else "RGB")
    mean, std = (GRAY_MEAN, GRAY_STD) if case.in_chans == 1 else (MEAN, STD)
    fill = tuple(round(255 * value) if case.crop_mode == "border" else 0 for value in mean)
    resized = resize(image, *scaled_size(image, case), case.interpolation)
    pixels = F.to_tensor(center(resized, case.height, case.width, fill))
    return F.normalize(pixels, mean, std)


def make_picture(seed: int, height: int, width: int) -> Image.Image:
    """Smooth colours, hard edges and noise: what resampling filters differ on."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((3.1, 9.0), (11.0, 4.3), (6.0, 6.5))]
    picture = np.stack(waves, axis=-1)
    picture[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 255)
    picture += random.integers(-25, 26, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_gray16() -> bytes:
    """A 16-bit gray PNG with values on both sides of 255."""
    values = np.arange(0, 16 * 24 * 3, 3, dtype=">u2").reshape(16, 24)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 24, 16, 16, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def write_images() -> list[Path]:
    """Write one small image of each kind that decode() accepts."""
    picture = make_picture(0, 61, 83)
    gray = picture.convert("L")
    with_alpha = picture.convert("RGBA")
    with_alpha.putalpha(gray)
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter turn, which neither Pillow nor ttscale applies
    small = make_picture(1, 20, 31)
    small.save(GOLDEN / "rgb.png")
    small.convert("L").save(GOLDEN / "gray.png")
    small.convert("1").save(GOLDEN / "bilevel.png")
    small.quantize(16).save(GOLDEN / "palette.png", transparency=3)
    with_alpha.resize((31, 20)).save(GOLDEN / "rgba.png", icc_profile=b"not a profile")
    with_alpha.resize((31, 20)).convert("LA").save(GOLDEN / "gray-alpha.png")
    (GOLDEN / "gray16.png").write_bytes(make_gray16())
    picture.save(GOLDEN / "baseline.jpg", exif=turned, quality=90)
    picture.save(GOLDEN / "progressive.jpg", progressive=True, subsampling=0)
    gray.save(GOLDEN / "gray.jpg")
    small.convert("CMYK").save(GOLDEN / "cmyk.jpg")
    small.save(GOLDEN / "rgb.ppm")
    small.convert("L").save(GOLDEN / "gray.pgm")
    small.convert("1").save(GOLDEN / "bilevel.pbm")
    small.save(GOLDEN / "rgb.bmp")
    small.quantize(16).save(GOLDEN / "palette.bmp")
    picture.save(GOLDEN / "lossy.webp", quality=90)
    small.save(GOLDEN / "lossless.webp", lossless=True)
    small.save(GOLDEN / "png-named.jpg", format="PNG")
    not_equal = {"cmyk.jpg"}  # OpenCV makes RGB of it otherwise than Pillow (src/image/decode.h)
    return sorted(path for path in GOLDEN.iterdir() if path.suffix not in (".txt", ".md") and path.name not in not_equal)


def resize_lines(path: Path) -> list[str]:
    """Golden lines of resizing one image to many sizes, smaller, larger, stretched and unchanged on one side."""
    image = Image.open(path).convert("RGB")
    random = np.random.default_rng(5)
    sizes = [(1, 1), (image.height, 17), (40, image.width), (122, 166), (7, 300), (300, 5)]
    sizes += [tuple(int(side) for side in random.integers(1, 90, 2)) for _ in range(30)]
    return [
        f"resize {path.name} {height} {width} 1 center {name} 3 "
        + checksum(np.asarray(resize(image, height, width, name)).tobytes())
        for height, width in sizes
        for name in FILTERS
    ]


def input_lines(path: Path) -> list[str]:
    """Golden lines of whole preprocessings of one image."""
    cases = [
        Case(*size, crop_pct, mode, name, chans)
        for size, crop_pct in (((32, 32), 0.875), ((48, 33), 0.9), ((150, 150), 1.0))
        for mode in ("center", "squash", "border")
        for name in ("bilinear", "bicubic")
        for chans in (1, 3)
    ]
    return [f"input {path.name} {case} {checksum(reference(path, case).numpy().tobytes())}" for case in cases]


def decode_line(path: Path) -> str:
    """Golden line of decoding one image."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return f"decode {path.name} {pixels.shape[0]} {pixels.shape[1]} 1 center bilinear 3 {checksum(pixels.tobytes())}"


def write_fullsize() -> None:
    """Write the checksums of the ImageNet photographs, which are not part of the repository."""
    lines = []
    for path in sorted(FULLSIZE.glob("*/*.JPEG")):
        sums = [checksum(np.asarray(Image.open(path).convert("RGB")).tobytes())]
        for name in ("bilinear", "bicubic"):
            sums.append(checksum(reference(path, Case(224, 224, interpolation=name)).numpy().tobytes()))
        lines.append(" ".join([str(path.relative_to(FULLSIZE)), *sums]))
    (GOLDEN / "imagenet-fullsize.txt").write_text("\n".join(lines) + "\n")


def write_goldens() -> None:
    """Write images and checksums."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    images = write_images()
    lines = [decode_line(path) for path in images]
    lines += resize_lines(GOLDEN / "baseline.jpg") + resize_lines(GOLDEN / "rgb.png")
    lines += input_lines(GOLDEN / "baseline.jpg")
    (GOLDEN / "goldens.txt").write_text("\n".join(lines) + "\n")
    if FULLSIZE.is_dir():
        write_fullsize()


def main() -> None:
    """Parse arguments and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dump", type=Path, help="write the tensor of each image to this folder, as torch.save")
    parser.add_argument("--interpolation", choices=sorted(FILTERS), default="bilinear")
    parser.add_argument("images", type=Path, nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.dump is None:
        write_goldens()
        return
    arguments.dump.mkdir(parents=True, exist_ok=True)
    for path in arguments.images:
        case = Case(224, 224, interpolation=arguments.interpolation)
        torch.save(reference(path, case), arguments.dump / f"{path.stem}.pt")


if __name__ == "__main__":
    main()
