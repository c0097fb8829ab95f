# SPDX-License-Identifier: MIT
"""Checks the images of `ttscale corrupt` against the published corruptions in Python.

usage: check_shifts.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--quick] [--only KIND] [--write]

For all 19 kinds, 5 severities and both sets of parameters, on the same images:
- kinds without chance must give the reference's pixels to one level (its float64 and our float32 are cut off to whole levels, so that a rounding error shows as
  one); motion blur likewise, once the angle that the program drew is found by search;
- kinds with chance must have the reference's statistics: mean, variance and the power in four octaves of what the corruption adds to an image, and each
  statistic's mean over the images must not be further than 4.5 standard errors from the reference's (Student's t turned into z; of the 600 such
  comparisons the largest is expected at 3.3);
- ResNet-20 on CIFAR-10 must be right as often on our images as on the reference's, by 4.5 standard errors of the paired difference; also on the images in the
  data folder that were made with the original functions.
Frost has textures of its own: beyond what the choice among five textures explains, its mean may differ by 12 levels and its variance by a factor of 1.5; the
accuracy may differ by 6 points.

The references are those of shift_reference.py. --quick: severity 3 on a few drawn pictures, without data. --write puts the table into src/shift/README.md.
Exit status: 0 if all holds, 1 if not, 77 if this Python lacks the packages that shift_reference.py names, or (not --quick) the data are missing.
"""
import argparse
import csv
import pathlib
import shutil
import sys
import tempfile
import zlib

try:
    import numpy as np
    import scipy.stats
    from PIL import Image

    import shift_reference as reference
    from shift_checks import DATA, NORMALISATION, RESNET20, cifar_paths, centre, drawn_pictures, photographs, run, write_table
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; corruptions were not compared with Python's (scripts/shift_reference.py says what to install)")
    sys.exit(77)

EXACT = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "gaussian_blur", "saturate", "motion_blur"}
LARGEST_DIFFERENCE, LARGEST_Z = 1, 4.5
FROST_MEAN, FROST_VARIANCE, FROST_POINTS = 12, 1.5, 6
SETS = ("imagenet", "cifar")


# --- images ---------------------------------------------------------------------------------------------------------------


def load_pictures(args) -> dict:
    if args.quick:
        return {"imagenet": drawn_pictures(4, 224), "cifar": drawn_pictures(16, 32)}
    return {"imagenet": photographs(args.data, args.images), "cifar": [centre(path, 32) for path in cifar_paths(args.data, 6 * args.images)]}


def save(folder: pathlib.Path, pictures: list) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i:04}.png")


def load(folder: pathlib.Path) -> list:
    return [np.array(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def seed(*parts) -> None:
    np.random.seed(zlib.crc32(" ".join(map(str, parts)).encode()))


# --- pixels ---------------------------------------------------------------------------------------------------------------


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def search_angle(clean: np.ndarray, ours: np.ndarray, level) -> int:
    """The smallest largest difference from motion blur at any angle. Positions along the line are whole pixels, so that the angle need only be near."""
    def distance(angle: float) -> float:
        return float(np.abs(reference.motion_blur(clean, level, angle).astype(int) - ours).mean())

    best = min(np.arange(-45, 45.5, 1.0), key=distance)
    best = min(np.arange(best - 1.5, best + 1.51, 0.1), key=distance)
    best = min(np.arange(best - 0.15, best + 0.151, 0.01), key=distance)
    return difference(reference.motion_blur(clean, level, best), ours)


def largest_difference(kind: str, severity: int, parameters: str, clean: list, ours: list) -> int:
    if kind == "motion_blur":
        level = reference.PARAMETERS[parameters][kind][severity - 1]
        return max(search_angle(a, b, level) for a, b in zip(clean[:3], ours))
    return max(difference(reference.corrupt(a, kind, severity, parameters), b) for a, b in zip(clean, ours))


def statistics(clean: np.ndarray, shifted: np.ndarray) -> np.ndarray:
    """Mean, log variance and log power in four octaves of spatial frequency of what was added."""
    added = shifted.astype(float) - clean
    power = (np.abs(np.fft.fft2(added - added.mean((0, 1)), axes=(0, 1))) ** 2).sum(-1)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(added.shape[1]), np.fft.fftfreq(added.shape[0])))
    bands = [power[(frequency > high / 2) & (frequency <= high)].sum() for high in (0.0625, 0.125, 0.25, 0.5)]
    return np.array([added.mean(), *np.log([added.var() + 1e-3, *(np.array(bands) + 1)])])


def z_scores(ours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[images, statistics] twice -> paired t of each statistic as the z of the same probability."""
    gap = ours - others
    t = gap.mean(0) / (gap.std(0, ddof=1) / np.sqrt(len(gap)) + 1e-12)
    return -scipy.stats.norm.ppf(scipy.stats.t.sf(np.abs(t), len(gap) - 1))


class Pixels:
    """What one kind does under one set of parameters, as the cell of a table and complaints."""

    def __init__(self, args, kind: str, parameters: str, clean: list, made: pathlib.Path, wrong: list):
        name = f"{kind}, parameters of {parameters}"
        severities = [3] if args.quick else [1, 2, 3, 4, 5]
        values = []
        for severity in severities:
            ours = load(made / kind / str(severity) / "a")
            seed(kind, severity, parameters)
            if kind in EXACT:
                values.append(largest_difference(kind, severity, parameters, clean, ours))
                continue
            others = [reference.corrupt(image, kind, severity, parameters) for image in clean]
            a, b = (np.array([statistics(x, y) for x, y in zip(clean, images)]) for images in (ours, others))
            values.append(a - b if kind == "frost" else z_scores(a, b).max())
        if kind == "frost":
            self.frost(values, name, wrong)
        elif kind in EXACT:
            self.cell = f"pixels to {max(values)}"
            if max(values) > LARGEST_DIFFERENCE:
                wrong.append(f"{name}: pixels differ by {values}")
        else:
            self.cell = f"statistics, z {max(values):.1f}"
            if max(values) > LARGEST_Z:
                wrong.append(f"{name}: statistics differ by {np.round(values, 1)} standard errors")

    def frost(self, gaps: list, name: str, wrong: list) -> None:
        """Both draw one texture of five an image, so that few images say little: three standard errors are allowed for that."""
        means = np.array([gap.mean(0)[:2] for gap in gaps])
        errors = np.array([gap.std(0, ddof=1)[:2] / np.sqrt(len(gap)) for gap in gaps])
        ratio = np.exp(means[:, 1])
        self.cell = f"mean {means[:, 0].min():+.0f} to {means[:, 0].max():+.0f} levels, variance x{ratio.min():.2f} to x{ratio.max():.2f}"
        if (np.abs(means) > np.array([FROST_MEAN, np.log(FROST_VARIANCE)]) + 3 * errors).any():
            wrong.append(f"{name}: {self.cell}")


# --- accuracy -------------------------------------------------------------------------------------------------------------


def right_answers(args, tree: pathlib.Path, folder: pathlib.Path) -> dict:
    """Domain -> {image: whether ResNet-20 is right}."""
    file = folder / "predictions.csv"
    run(args.ttscale, "eval", args.data / RESNET20, "--data", tree, "--rule", "source", "--batch-size", 200, "--predictions", file, "-q", "--threads", 1, *NORMALISATION)
    result = {}
    with open(file, newline="") as stream:
        for row in csv.DictReader(stream):
            path = pathlib.Path(row["path"])
            result.setdefault(row["domain"], {})[path.parent.name + "/" + path.stem] = row["label"] == row["prediction"]
    return result


def write_reference_tree(tree: pathlib.Path, kinds: list, clean: list) -> None:
    for kind in kinds:
        for severity in (3, 5):
            seed(kind, severity)
            for path in clean:
                out = tree / kind / str(severity) / path.parent.name / path.name
                out.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(reference.corrupt(np.array(Image.open(path)), kind, severity, "cifar")).save(out, compress_level=1)
        print(f"reference images: {kind}", flush=True)


def compare(ours: dict, others: dict) -> tuple:
    """Both accuracies in %, and the z of their paired difference."""
    names = sorted(ours)
    a, b = (np.array([answers[name] for name in names], float) for answers in (ours, others))
    gap = a - b
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    return 100 * a.mean(), 100 * b.mean(), gap.mean() / error if error > 0 else 0.0


def accuracies(args, kinds: list, folder: pathlib.Path, wrong: list) -> dict:
    """(kind, severity) -> cell."""
    source = folder / "test-images"
    for path in cifar_paths(args.data, args.test_images):
        (source / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, source / path.parent.name)
    run(args.ttscale, "corrupt", source, folder / "ours", "--kinds", ",".join(kinds), "--severities", "3,5", "--parameters", "cifar", "-q")
    write_reference_tree(folder / "reference", kinds, sorted(source.glob("*/*.png")))
    ours, others = (right_answers(args, folder / name, folder) for name in ("ours", "reference"))
    original = right_answers(args, args.data / "cifar10-dev" / "shifted", folder)
    cells = {}
    for domain in sorted(ours):
        kind, severity = domain.split("/")
        a, b, z = compare(ours[domain], others[domain])
        cells[kind, int(severity)] = f"{a:.1f} / {b:.1f}"
        holds = abs(a - b) <= FROST_POINTS if kind == "frost" else abs(z) <= LARGEST_Z
        if not holds:
            wrong.append(f"{domain}: ResNet-20 is right on {a:.2f} % of our images and {b:.2f} % of the reference's (z {z:.1f})")
        if domain in original:
            a, b, z = compare(ours[domain], original[domain])  # names of `ours` are a part of those
            print(f"{domain}: {a:.2f} % on our images, {b:.2f} % on those of the original functions (z {z:.1f})", flush=True)
            if abs(z) > LARGEST_Z:
                wrong.append(f"{domain}: {a:.2f} % on our images, {b:.2f} % on those of the original functions")
    return cells


# --- the table ------------------------------------------------------------------------------------------------------------


def table(kinds: list, pixels: dict, accuracy: dict) -> str:
    head = ["kind", "ImageNet-C", "CIFAR-10-C"] + (["accuracy at 3", "accuracy at 5"] if accuracy else [])
    lines = [head, ["---"] * len(head)]
    for kind in kinds:
        lines.append([kind, *(pixels[kind, parameters].cell for parameters in SETS), *(accuracy[kind, severity] for severity in (3, 5) if accuracy)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with cifar10-dev, imagenet-dev and models")
    parser.add_argument("--images", type=int, default=16, help="photographs to compare, and six times as many small images (16)")
    parser.add_argument("--test-images", type=int, default=1000, help="of the 2000 of CIFAR-10 for the accuracy (1000)")
    parser.add_argument("--only", help="kinds whose name contains this")
    parser.add_argument("--quick", action="store_true", help="severity 3, a few drawn pictures, no data needed")
    parser.add_argument("--write", action="store_true", help="put the table into src/shift/README.md")
    args = parser.parse_args()
    if args.write and (args.quick or args.only):
        parser.error("--write goes without --quick and --only")
    if not args.quick and not (args.data / "models").is_dir():
        print(f"SKIPPED: {args.data} is not there; only --quick can be checked")
        return 77

    kinds = [kind for kind in reference.ALL if not args.only or args.only in kind]
    clean, wrong, pixels, accuracy = load_pictures(args), [], {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for parameters in SETS:
            save(folder / parameters / "a", clean[parameters])
            made = folder / f"{parameters}-shifted"
            run(args.ttscale, "corrupt", folder / parameters, made, "--kinds", ",".join(kinds), "--parameters", parameters, "-q")
            for kind in kinds:
                pixels[kind, parameters] = Pixels(args, kind, parameters, clean[parameters], made, wrong)
                print(f"{parameters}, {kind}: {pixels[kind, parameters].cell}", flush=True)
        if not args.quick:
            accuracy = accuracies(args, kinds, folder, wrong)
    text = table(kinds, pixels, accuracy) + f"\nReferences: {reference.versions()}.\n"
    print(f"\n{text}")
    if args.write:
        write_table("check_shifts.py", text)
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
