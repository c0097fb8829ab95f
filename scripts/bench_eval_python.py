# SPDX-License-Identifier: MIT
"""The Python loop that `ttscale eval --rule batch` is measured against: ImageFolder, DataLoader, BatchNorm in training mode.

usage: bench_eval_python.py ARCHIVE ROOT [--batch-size 200] [--workers 2] [--threads 2]

Evaluates every folder below ROOT that holds class folders, and prints accuracy per domain, images per second of the loop, and peak memory of all processes.
"""
import argparse
import pathlib
import resource
import time

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


def domains(root: pathlib.Path):
    return sorted({image.parent.parent for image in root.rglob("*.png")} | {image.parent.parent for image in root.rglob("*.JPEG")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--batch-size", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = torch.jit.load(args.archive, "cpu").eval()
    for module in model.modules():
        if hasattr(module, "running_mean"):
            module.train()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    images, start = 0, time.perf_counter()
    for root in domains(args.root):
        loader = DataLoader(ImageFolder(str(root), transform), args.batch_size, shuffle=True, num_workers=args.workers)
        right = seen = 0
        with torch.inference_mode():
            for x, y in loader:
                right += (model(x).argmax(1) == y).sum().item()
                seen += len(y)
        images += seen
        print(f"{root.relative_to(args.root)}: {100 * right / seen:.2f}", flush=True)
    seconds = time.perf_counter() - start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    print(f"{images / seconds:.0f} images/s, {peak:.0f} MiB (main process and largest worker)")


if __name__ == "__main__":
    main()
