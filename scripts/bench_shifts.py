# SPDX-License-Identifier: MIT
"""Times the corruptions of ttscale and of Python side by side, one thread each, on the same decoded images.

usage: bench_shifts.py --timer BUILD/bin/time_shifts [--data ../shared/data] [--images 4] [--rounds 5] [--only KIND] [--write]

`ninja time_shifts` builds the timer. Python is PyPI's imagecorruptions, for every kind. The two take turns, round by round, at each of the five severities with
the parameters of ImageNet-C, on the central 224x224 of photographs (drawn pictures without the data folder). A time is the median over the rounds of the
processor time that an image takes, averaged over the severities: waiting for a busy machine does not count. --write puts the table into src/shift/README.md.
Exit status: 0, or 77 if this Python lacks the packages that shift_reference.py names.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    from PIL import Image

    import shift_reference as reference
    from shift_checks import DATA, drawn_pictures, photographs, write_table
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; nothing was timed (scripts/shift_reference.py says what to install)")
    sys.exit(77)


def pictures(data: pathlib.Path, count: int) -> list:
    found = photographs(data, count)
    if not found:
        print(f"{data} has no imagenet-dev: timing drawn pictures")
    return found or drawn_pictures(count, 224)


class Timer:
    """The C++ side: a line in, seconds out."""

    def __init__(self, program: str, files: list):
        self.process = subprocess.Popen([program, *map(str, files)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, kind: str, severity: int) -> float:
        self.process.stdin.write(f"{kind} {severity} imagenet\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def python_seconds(images: list, kind: str, severity: int) -> float:
    start = time.process_time()
    for image in images:
        reference.corrupt_by_package(image, kind, severity)
    return time.process_time() - start


def measure(timer: Timer, images: list, kind: str, rounds: int) -> tuple:
    """Milliseconds an image, ours and Python's: medians over rounds, means over severities. The first turn of each is not counted: it makes tables and textures,
    and compiles."""
    ours, others = [], []
    for severity in range(1, 6):
        timer(kind, severity), python_seconds(images[:1], kind, severity)
        turns = [(timer(kind, severity), python_seconds(images, kind, severity)) for _ in range(rounds)]
        ours.append(statistics.median(turn[0] for turn in turns))
        others.append(statistics.median(turn[1] for turn in turns))
    return tuple(1000 * statistics.mean(times) / len(images) for times in (ours, others))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timer", required=True, help="the program time_shifts")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with imagenet-dev")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="kinds whose name contains this")
    parser.add_argument("--write", action="store_true", help="put the table into src/shift/README.md")
    args = parser.parse_args()
    if args.write and args.only:
        parser.error("--write goes without --only")
    images, rows, ratios, total = pictures(args.data, args.images), [], [], [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / f"{i}.png" for i in range(len(images))]
        for image, file in zip(images, files):
            Image.fromarray(image).save(file)
        timer = Timer(args.timer, files)
        for kind in (kind for kind in reference.ALL if not args.only or args.only in kind):
            ours, others = measure(timer, images, kind, args.rounds)
            ratios.append(others / ours)
            total = [total[0] + ours, total[1] + others]
            rows.append(f"| {kind} | {ours:.2f} | {others:.1f} | {others / ours:.1f} |")
            print(rows[-1], flush=True)
        timer.close()
    rows.append(f"| all, one after the other | {total[0]:.1f} | {total[1]:.0f} | {total[1] / total[0]:.1f} |")
    rows.append(f"| geometric mean of the ratios | | | {statistics.geometric_mean(ratios):.1f} |")
    text = "| kind | ttscale, ms an image | Python, ms an image | ratio |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    print(f"\n{text}\nPython: {reference.versions()}.")
    if args.write:
        write_table("bench_shifts.py", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
