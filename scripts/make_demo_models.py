# SPDX-License-Identifier: MIT
"""Train, export and check the small Fashion-MNIST networks bundled in models/."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from make_demo_images import CLASSES, DATA, IMAGES, MODELS, read_split
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD, SIZE = 0.2860, 0.3530, 28
RESNET, LAYERNORM = "fashion-resnet", "fashion-layernorm"
RESNET_FORMS = ("scripted", "traced", "frozen", "folded")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside an identity or a 1x1 projection."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class FashionResNet(nn.Module):
    """A residual network of 14 layers for RGB images of 28x28 pixels."""

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 48)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = nn.Sequential(
            BasicBlock(widths[0], widths[0], 1), BasicBlock(widths[0], widths[0], 1)
        )
        self.layer2 = nn.Sequential(
            BasicBlock(widths[0], widths[1], 2), BasicBlock(widths[1], widths[1], 1)
        )
        self.layer3 = nn.Sequential(
            BasicBlock(widths[1], widths[2], 2), BasicBlock(widths[2], widths[2], 1)
        )
        self.fc = nn.Linear(widths[2], len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class FashionLayerNorm(nn.Module):
    """An untrained patch network whose only normalisation is GroupNorm and LayerNorm."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 7, 7)
        self.gn = nn.GroupNorm(4, width)
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.gn(self.patches(x)))
        return self.fc(self.norm(x.mean((2, 3))))


def to_input(gray: np.ndarray) -> Tensor:
    """Turn 8-bit gray images [n, h, w] into normalised float RGB [n, 3, h, w]."""
    scaled = torch.from_numpy(gray).float().div(255).sub(MEAN).div(STD)
    return scaled.unsqueeze(1).expand(-1, 3, -1, -1)


def augment(images: Tensor, generator: torch.Generator, reach: int = 2) -> Tensor:
    """Mirror and shift every image by its own random amount (edges: black)."""
    count = len(images)
    padded = F.pad(images, (reach,) * 4, value=-MEAN / STD)
    offsets = torch.randint(0, 2 * reach + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand((count, 1), generator=generator) < 0.5
    steps = torch.arange(SIZE).expand(count, SIZE)
    rows = offsets[0] + steps
    columns = offsets[1] + torch.where(mirrored, SIZE - 1 - steps, steps)
    shifted = padded[torch.arange(count).view(-1, 1, 1), 0, rows.unsqueeze(2), columns.unsqueeze(1)]
    return shifted.unsqueeze(1).expand(-1, 3, -1, -1)


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch: int) -> Tensor:
    """Return the logits of all images, computed batch by batch in the given order."""
    return torch.cat([model(part.contiguous()) for part in images.split(batch)])


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of right answers in per cent."""
    return 100.0 * (logits.argmax(1) == labels).float().mean().item()


def train(args: argparse.Namespace) -> None:
    """Train the residual network and save its state dict."""
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    gray, targets = read_split(args.data, "train")
    images, labels = to_input(gray)[:, :1], torch.from_numpy(targets).long()
    test_gray, test_targets = read_split(args.data, "t10k")
    test_images, test_labels = to_input(test_gray), torch.from_numpy(test_targets).long()

    model = FashionResNet().to(memory_format=torch.channels_last)
    print(f"torch {torch.__version__}, {sum(p.numel() for p in model.parameters())} parameters")
    optimiser = torch.optim.SGD(
        model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    steps = args.epochs * (len(images) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=steps)
    start = time.perf_counter()
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        batches = torch.randperm(len(images), generator=generator).split(args.batch)
        for picked in batches[: steps // args.epochs]:
            inputs = augment(images[picked], generator)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
                logits = model(inputs)
            loss = F.cross_entropy(logits.float(), labels[picked], label_smoothing=0.05)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * args.epochs / steps
        right = accuracy(predict(model.eval(), test_images, 500), test_labels)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch}: loss {total:.4f}, test {right:.2f} %, {seconds:.0f} s", flush=True)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    torch.save(state, args.state)
