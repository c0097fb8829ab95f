#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the models that tests/bench times as TorchScript archives, with random weights: a forward takes as long with any.

usage: make_bench_models.py FOLDER            (needs torch and torchvision)
"""

import argparse
import pathlib
import warnings

import torch
import torchvision

SEED = 0


class Block(torch.nn.Module):
    """Two 3x3 convolutions and a shortcut that drops pixels and adds channels of zeros (He et al. 2016, option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(outputs)
        self.stride = stride
        self.more = outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(y + torch.nn.functional.pad(shortcut, [0, 0, 0, 0, 0, self.more]))


def resnet20(classes: int = 10) -> torch.nn.Module:
    """ResNet-20 for images of 32x32 (He et al. 2016)."""
    layers = [torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16), torch.nn.ReLU()]
    channels = 16
    for width in (16, 32, 64):
        for block in range(3):
            layers.append(Block(channels, width, 2 if block == 0 and width > 16 else 1))
            channels = width
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, classes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", FutureWarning)  # of torch.jit
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.manual_seed(SEED)
    models = {name: getattr(torchvision.models, name)(weights=None)
              for name in ("resnet50", "resnet18", "mobilenet_v2", "densenet121")}
    models["resnet20"] = resnet20()
    for name, model in models.items():
        file = folder / f"{name}.pt"
        torch.jit.script(model.eval()).save(str(file))
        print(file)


if __name__ == "__main__":
    main()
