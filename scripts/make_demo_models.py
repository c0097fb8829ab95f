# SPDX-License-Identifier: MIT
"""Train, export and check the small Fashion-MNIST networks bundled in models/."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
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


def require_old_torch() -> None:
    """Stop unless this is the oldest torch whose LibTorch must read the archives."""
    if not torch.__version__.startswith("1.13."):
        sys.exit(
            f"export: torch {torch.__version__} writes archives that LibTorch 1.13 may not read; "
            "run this step with torch 1.13 (Debian 12: apt install python3-torch, /usr/bin/python3)"
        )


def write_description(path: Path, architecture: str) -> None:
    """Write the preprocessing beside a model with the keys of timm's pretrained_cfg."""
    description = {
        "architecture": architecture,
        "num_classes": len(CLASSES),
        "input_size": [3, SIZE, SIZE],
        "mean": [MEAN] * 3,
        "std": [STD] * 3,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "classes": list(CLASSES),
    }
    path.write_text(json.dumps(description, indent=2) + "\n")


def export(args: argparse.Namespace) -> None:
    """Write the TorchScript archives and their descriptions."""
    require_old_torch()
    torch.manual_seed(args.seed)
    args.models.mkdir(parents=True, exist_ok=True)
    model = FashionResNet()
    model.load_state_dict(torch.load(args.state, map_location="cpu"))
    scripted = torch.jit.script(model.eval())
    forms = {
        "scripted": scripted,
        "traced": torch.jit.trace(model, torch.zeros(2, 3, SIZE, SIZE)),
        "frozen": torch.jit.freeze(scripted, optimize_numerics=False),
        "folded": torch.jit.freeze(scripted),
    }
    for form in RESNET_FORMS:
        forms[form].save(str(args.models / f"{RESNET}.{form}.pt"))
    write_description(args.models / f"{RESNET}.json", "fashion_resnet14")

    torch.jit.script(FashionLayerNorm().eval()).save(str(args.models / f"{LAYERNORM}.pt"))
    write_description(args.models / f"{LAYERNORM}.json", "fashion_layernorm")


def load_resnet(models: Path) -> FashionResNet:
    """Rebuild the network as plain modules from the weights in the scripted archive."""
    model = FashionResNet()
    archive = torch.jit.load(str(models / f"{RESNET}.scripted.pt"), map_location="cpu")
    model.load_state_dict(archive.state_dict())
    return model.eval()


def use_batch_statistics(model: nn.Module, enabled: bool) -> None:
    """Let every BatchNorm use the statistics of the batch (or again the stored ones)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(enabled)
            module.momentum = 0.0


def read_domains(root: Path) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield the name, inputs and labels of each KIND/SEVERITY folder in name order."""
    for folder in sorted(path for path in root.glob("*/*") if path.is_dir()):
        files = sorted(folder.glob("*/*.png"))
        inputs = to_input(np.stack([np.asarray(Image.open(file)) for file in files]))
        labels = torch.tensor([CLASSES.index(file.parent.name) for file in files])
        yield str(folder.relative_to(root)), inputs, labels


def check(args: argparse.Namespace) -> None:
    """Print source and batch-statistics accuracy of every domain as a Markdown table."""
    model = load_resnet(args.models)
    gray, targets = read_split(args.data, "t10k")
    right = accuracy(predict(model, to_input(gray), 500), torch.from_numpy(targets).long())
    print(f"Source accuracy on all {len(gray)} clean test images: {right:.2f} %\n")

    titles = ["domain", "images", "source"]
    titles += [f"batch statistics, {batch} shuffled" for batch in args.batches]
    titles += [f"batch statistics, {args.batches[0]} in path order"]
    print(f"| {' | '.join(titles)} |")
    print(f"| --- |{' ---: |' * (len(titles) - 1)}")
    for name, inputs, labels in read_domains(args.images):
        cells = [accuracy(predict(model, inputs, 500), labels)]
        order = torch.from_numpy(np.random.default_rng(args.seed).permutation(len(inputs)))
        use_batch_statistics(model, True)
        for batch in args.batches:
            cells.append(accuracy(predict(model, inputs[order], batch), labels[order]))
        cells.append(accuracy(predict(model, inputs, args.batches[0]), labels))
        use_batch_statistics(model, False)
        print(f"| {name} | {len(inputs)} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")


def verify(args: argparse.Namespace) -> None:
    """Compare the logits of all archives with plain modules and, if asked, between versions."""
    images = torch.cat([inputs for _, inputs, _ in read_domains(args.images)])[:: args.stride]
    saved = torch.load(args.against) if args.against else {}
    outputs = {"eager": predict(load_resnet(args.models), images, 100)}
    print(f"torch {torch.__version__}, {len(images)} images")
    for name in [f"{RESNET}.{form}.pt" for form in RESNET_FORMS] + [f"{LAYERNORM}.pt"]:
        archive = torch.jit.load(str(args.models / name), map_location="cpu")
        nodes = len(archive.inlined_graph.findAllNodes("aten::batch_norm"))
        outputs[name] = predict(archive, images, 100)
        line = f"{name}: {nodes} batch_norm nodes"
        if name.startswith(RESNET):
            line += f", {(outputs[name] - outputs['eager']).abs().max():.1e} from eager"
        if name in saved:
            line += f", {(outputs[name] - saved[name]).abs().max():.1e} from {args.against}"
        print(line)
    if args.save:
        torch.save(outputs, args.save)


def parse_arguments() -> argparse.Namespace:
    """Define the steps and parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")

    def add(
        function: Callable[[argparse.Namespace], None], summary: str, *names: str
    ) -> argparse.ArgumentParser:
        step = steps.add_parser(
            function.__name__,
            help=summary,
            description=function.__doc__,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        step.set_defaults(run=function)
        step.add_argument("--threads", type=int, default=2, help="threads of torch")
        common = {
            "data": (DATA, "folder of the IDX files"),
            "images": (IMAGES, "folder of KIND/SEVERITY/CLASS/*.png"),
            "models": (MODELS, "folder of the archives"),
            "state": (Path("fashion-resnet.state.pt"), "state dict between train and export"),
        }
        for name in names:
            default, text = common[name]
            step.add_argument(f"--{name}", type=Path, default=default, help=text)
        return step

    step = add(train, "train the residual network (any recent torch)", "data", "state")
    step.add_argument("--seed", type=int, default=0, help="weights, order and augmentation")
    step.add_argument("--epochs", type=int, default=8, help="passes over the training set")
    step.add_argument("--batch", type=int, default=256, help="images a step")
    step.add_argument("--lr", type=float, default=0.3, help="peak learning rate")
    step.add_argument("--bf16", action="store_true", help="compute in bfloat16")

    step = add(export, "write archives and descriptions (torch 1.13 only)", "models", "state")
    step.add_argument("--seed", type=int, default=0, help="weights of the untrained network")

    step = add(check, "measure accuracy on every domain", "data", "images", "models")
    step.add_argument("--seed", type=int, default=0, help="seed of the shuffle")
    step.add_argument("--batches", type=int, nargs="+", default=[50, 100], help="batch sizes")

    step = add(verify, "compare the archives' outputs", "images", "models")
    step.add_argument("--stride", type=int, default=6, help="use every so many-th image")
    step.add_argument("--save", type=Path, help="write the outputs to this file")
    step.add_argument("--against", type=Path, help="compare with outputs written by --save")
    return parser.parse_args()


def main() -> None:
    """Run the step named on the command line."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    args.run(args)


if __name__ == "__main__":
    main()
