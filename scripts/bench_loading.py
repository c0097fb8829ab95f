# SPDX-License-Identifier: MIT
"""Images a second from JPEG files: ttscale's loader and torchvision's ImageFolder with DataLoader, in turn.

Both read the same folder of class folders, resize to 256, crop 224x224 and normalise; both keep their workers busy from
one batch to the next. A round goes over the folder once with each, in an order that alternates, so that what else the
machine does meets both alike. Medians over the rounds of images a second, and of the ratios within a round; the same
of CPU time, which counts all threads and processes and depends less on what else runs.

    bench_loading.py build/release/bin/bench_loading DIR [--passes 5] [--rounds 7] [--workers 2]

--enlarged N measures photographs of 12 megapixels in their place: the N largest files of DIR, enlarged to 4000x3000
with noise as of a sensor, JPEG quality 90, about 3 MB each; they are made anew at every call.

With --eval MODEL --ttscale PROGRAM the same images go through a model as well, batch statistics in the place of its
BatchNorm layers' own: `ttscale eval --rule batch` against the loop of bench_eval_python.py. There a round of ttscale
starts the program, which is not counted: the time is that of its results file.

Needs torch and torchvision (Pillow decodes).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def enlarge(folder: Path, count: int, target: Path) -> None:
    """Photographs of 12 megapixels in one class folder."""
    (target / "photographs").mkdir()
    noise = np.random.default_rng(0)
    files = sorted((path for path in folder.glob("*/*") if path.is_file()), key=lambda path: -path.stat().st_size)
    for path in files[:count]:
        image = Image.open(path).convert("RGB").resize((4000, 3000), Image.BICUBIC)
        noisy = np.asarray(image, np.float32) + noise.normal(0, 4, (3000, 4000, 1)).astype(np.float32)
        pixels = noisy.round().clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(target / "photographs" / f"{path.stem}.jpg", quality=90)


class Torchvision:
    """ImageFolder and a DataLoader whose workers live on from round to round."""

    name = "torchvision"

    def __init__(self, args: argparse.Namespace) -> None:
        steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
        folder = ImageFolder(str(args.folder), transforms.Compose([*steps, transforms.Normalize(MEAN, STD)]))
        self.loader = DataLoader(
            ConcatDataset([folder] * args.passes),
            args.batch_size,
            num_workers=args.workers,
            persistent_workers=args.workers > 0,
        )
        self.model = None
        if args.eval:
            self.model = torch.jit.load(args.eval, "cpu").eval()
            for module in self.model.modules():
                if hasattr(module, "running_mean"):
                    module.train()

    def cpu(self) -> float:
        """CPU time of this process and of the workers."""
        iterator = self.loader._iterator  # noqa: SLF001  (no other way to the workers)
        workers = [worker.pid for worker in getattr(iterator, "_workers", [])]
        return cpu_seconds([os.getpid(), *workers])

    def round(self) -> tuple[int, float, float]:
        """Images, seconds, CPU seconds."""
        cpu, start, images = self.cpu(), time.perf_counter(), 0
        with torch.inference_mode():
            for x, _ in self.loader:
                images += len(x)
                if self.model is not None:
                    self.model(x).argmax(1)
        return images, time.perf_counter() - start, self.cpu() - cpu


class Loader:
    """The program bench_loading, which waits for a line before each round."""

    name = "ttscale"

    def __init__(self, args: argparse.Namespace) -> None:
        command = [args.program, args.folder, args.workers, args.passes, args.batch_size]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def round(self) -> tuple[int, float, float]:
        """Images, seconds, CPU seconds."""
        print(file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if len(answer) != 3:
            sys.exit("bench_loading ended early; its message is above")
        return int(answer[0]), float(answer[1]), float(answer[2])


class Eval:
    """`ttscale eval`, started anew each round. CPU time includes the start."""

    name = "ttscale eval"

    def __init__(self, args: argparse.Namespace) -> None:
        self.scratch = tempfile.TemporaryDirectory()
        self.root = Path(self.scratch.name) / "images"
        for number in range(args.passes):  # as many domains as passes: the same files under several names
            self.root.mkdir(exist_ok=True)
            (self.root / f"pass{number}").symlink_to(args.folder.resolve())
        self.results = Path(self.scratch.name) / "results.json"
        model = torch.jit.load(args.eval, "cpu")
        classes = sorted(entry.name for entry in args.folder.iterdir() if entry.is_dir())
        with torch.inference_mode():
            outputs = model(torch.zeros(1, 3, 224, 224)).shape[1]
        names = Path(self.scratch.name) / "classes.txt"
        names.write_text("\n".join([*classes, *(f"none{i}" for i in range(outputs - len(classes)))]) + "\n")
        self.command = [args.ttscale, "eval", args.eval, "--data", self.root, "--class-map", names]
        self.command += ["--rule", "batch", "--img-size", 224, "--batch-size", args.batch_size]
        self.command += ["--workers", args.workers, "--timings", "--results-file", self.results, "--cache-mb", 0, "-q"]
        self.command = [str(word) for word in self.command]

    def round(self) -> tuple[int, float, float]:
        """Images, seconds, CPU seconds."""
        before = os.times()
        subprocess.run(self.command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        results = json.loads(self.results.read_text())
        images = sum(len(files) for _, _, files in os.walk(self.root, followlinks=True))
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return images, results["seconds"], cpu


def run(args: argparse.Namespace) -> None:
    """Warm up, take turns, print."""
    sides = [Eval(args) if args.eval else Loader(args), Torchvision(args)]
    for side in sides:
        side.round()
    rates = {side.name: [] for side in sides}
    costs = {side.name: [] for side in sides}
    for number in range(args.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            images, seconds, cpu = side.round()
            rates[side.name].append(images / seconds)
            costs[side.name].append(1000 * cpu / images)
    ours, theirs = (side.name for side in sides)
    print(f"{args.rounds} rounds of {images} images, {args.workers} workers, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for name in (ours, theirs):
        print(f"{name}: {statistics.median(rates[name]):.1f} images/s, {statistics.median(costs[name]):.2f} ms of CPU an image")
    faster = [a / b for a, b in zip(rates[ours], rates[theirs])]
    cheaper = [b / a for a, b in zip(costs[ours], costs[theirs])]
    print(
        f"{ours} by {theirs}: {statistics.median(faster):.2f} times the images/s (from {min(faster):.2f} to "
        f"{max(faster):.2f}), {statistics.median(cheaper):.2f} times the images a CPU second"
    )


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_loading (-DTTSCALE_BUILD_BENCHMARKS=ON)")
    parser.add_argument("folder", type=Path, help="class folders with images")
    parser.add_argument("--enlarged", type=int, metavar="N", help="N photographs of 12 megapixels made of the folder's")
    parser.add_argument("--passes", type=int, default=5, help="times that a round goes over the folder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0, help="of torch in Python; 0: its choice")
    parser.add_argument("--eval", metavar="MODEL", help="TorchScript archive: measure evaluation in place of loading")
    parser.add_argument("--ttscale", metavar="PROGRAM", help="with --eval: the program ttscale")
    args = parser.parse_args()
    if args.eval and not args.ttscale:
        parser.error("--eval needs --ttscale")
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        if args.enlarged:
            enlarge(args.folder, args.enlarged, Path(scratch))
            args.folder = Path(scratch)
        run(args)


if __name__ == "__main__":
    main()
