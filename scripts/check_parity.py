# SPDX-License-Identifier: MIT
"""Replays predictions of `ttscale eval` in eager PyTorch and compares them image by image.

usage: check_parity.py --ttscale BUILD/bin/ttscale [--data ../shared/data] [--quick]

For each case the program is run with --predictions; then the same images are read by Pillow in the order of its rows, batched alike, and sent through an
eager model whose BatchNorm layers follow the rule in plain PyTorch. Exit status: 0 if at least 99.9 % of the classes agree for every domain and rule, 1 if
not, 77 if the data are not there.
"""
import argparse
import csv
import itertools
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from PIL import Image
    from torch import nn
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; predictions were not compared with Python's")
    sys.exit(77)

RULES = ["source", "batch", "prior:count=16", "alpha:weight=0.3", "ema:momentum=0.1", "ema:momentum=0.1,order=use-update", "cumulative", "dua",
         "alpha:weight=0.3,mixing=total"]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


# --- eager models, named as the weights are -----------------------------------------------------------------------------


class PadShortcut(nn.Module):
    """ResNet's parameter-free shortcut (He et al. 2016, option A): every second pixel, new channels zero."""

    def __init__(self, extra: int):
        super().__init__()
        self.extra = extra

    def forward(self, x):
        return F.pad(x[..., ::2, ::2], [0, 0, 0, 0, self.extra // 2, self.extra // 2])


class BasicBlock(nn.Module):
    def __init__(self, width_in: int, width: int):
        super().__init__()
        grows = width != width_in
        self.conv1 = nn.Conv2d(width_in, width, 3, 2 if grows else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = PadShortcut(width - width_in) if grows else nn.Identity()

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + self.shortcut(x)).relu()


class CifarResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        width_in = 16
        for stage, width in enumerate((16, 32, 64), start=1):
            blocks = [BasicBlock(width_in if i == 0 else width, width) for i in range(3)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            width_in = width

    def classifier(self, state):
        key = next(k for k in state if k.endswith("weight") and state[k].dim() == 2)
        setattr(self, key.split(".")[0], nn.Linear(64, 10))
        self.head = key.split(".")[0]

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer3(self.layer2(self.layer1(x)))
        return getattr(self, self.head)(x.mean([2, 3]))


def eager_resnet20(archive: pathlib.Path) -> nn.Module:
    state = torch.jit.load(str(archive), "cpu").state_dict()
    model = CifarResNet20()
    model.classifier(state)
    model.load_state_dict(state)
    return model.eval()


# --- rules in eager PyTorch -----------------------------------------------------------------------------------------------


def parse(text: str):
    name, _, rest = text.partition(":")
    return name, dict(pair.split("=") for pair in rest.split(",")) if rest else {}


class RuleNorm:
    """BatchNorm statistics under a rule, for one layer: returns the mean and variance to normalise with."""

    def __init__(self, text: str, bn):
        self.name, self.options = parse(text)
        self.source = bn.running_mean.double(), bn.running_var.double()
        self.running, self.images, self.batches = self.source, 0, 0

    def option(self, key, default):
        return float(self.options.get(key, default))

    def mix(self, a, b, w):
        mean, var = a[0] + w * (b[0] - a[0]), a[1] + w * (b[1] - a[1])
        return mean, var + (w * (1 - w) * (a[0] - b[0]) ** 2 if self.options.get("mixing") == "total" else 0)

    def statistics(self, x):
        n = x.shape[0]
        var, mean = torch.var_mean(x.transpose(0, 1).flatten(1).double(), 1, unbiased=True)
        if self.name == "prior":
            count = self.option("count", 16)
            return self.mix(self.source, (mean, var), n / (n + count))
        if self.name == "alpha":
            return self.mix(self.source, (mean, var), self.option("weight", 0.1))
        before = self.running
        if self.name == "ema":
            weight = self.option("momentum", 0.1)
        elif self.name == "cumulative":
            weight = n / (self.images + n)
        else:
            weight = 0.1 * 0.94 ** (self.batches + 1) + 0.005
        self.running = self.mix(before, (mean, var), weight)
        self.images, self.batches = self.images + n, self.batches + 1
        return before if self.options.get("order") == "use-update" else self.running


class Adapted(nn.Module):
    """A BatchNorm module whose statistics come from a RuleNorm; `batch` and `source` are torch's own F.batch_norm."""

    def __init__(self, bn: nn.BatchNorm2d, rule: str):
        super().__init__()
        self.bn, self.rule = bn, rule
        self.reset()

    def reset(self):
        self.norm = RuleNorm(self.rule, self.bn)

    def forward(self, x):
        bn = self.bn
        if self.rule == "batch":
            return F.batch_norm(x, None, None, bn.weight, bn.bias, True, 0.0, bn.eps)
        if self.rule == "source":
            return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, False, 0.0, bn.eps)
        mean, var = self.norm.statistics(x)
        return F.batch_norm(x, mean.float(), var.float(), bn.weight, bn.bias, False, 0.0, bn.eps)


def replace_norms(module: nn.Module, rule: str) -> nn.Module:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, Adapted(child, rule))
        else:
            replace_norms(child, rule)
    return module


# --- MobileNetV1 0.25 --------------------------------------------------------------------------------------------------------


def eager_mobilenet(archive: pathlib.Path) -> nn.Module:
    """The chain of MobileNetV1 (Howard et al. 2017) built from the shapes of the archive's weights."""
    state = torch.jit.load(str(archive), "cpu").state_dict()
    convolutions = [k[: -len(".weight")] for k, v in state.items() if k.endswith(".weight") and v.dim() == 4]
    norms = [k[: -len(".running_mean")] for k in state if k.endswith(".running_mean")]
    head = next(k[: -len(".weight")] for k, v in state.items() if k.endswith(".weight") and v.dim() == 2)
    # A stem, then pairs of a depthwise and a pointwise convolution; the depthwise ones halve the map at these pairs.
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    layers = []
    for i, (conv, norm) in enumerate(zip(convolutions, norms)):
        weight = state[conv + ".weight"]
        depthwise = i > 0 and i % 2 == 1
        stride = 2 if i == 0 else strides.get((i - 1) // 2, 1) if depthwise else 1
        groups = weight.shape[0] if depthwise else 1
        layer = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], weight.shape[2], stride, weight.shape[2] // 2, groups=groups, bias=False)
        layer.load_state_dict({"weight": weight})
        bn = nn.BatchNorm2d(weight.shape[0])
        bn.load_state_dict({k: state[f"{norm}.{k}"] for k in bn.state_dict()})
        layers += [layer, bn, nn.LeakyReLU(0.1)]
    fc = nn.Linear(*reversed(state[head + ".weight"].shape))
    fc.load_state_dict({"weight": state[head + ".weight"], "bias": state[head + ".bias"]})
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), fc).eval()


# --- comparison ------------------------------------------------------------------------------------------------------------


def read_image(path: str, crop: int) -> torch.Tensor:
    image = Image.open(path).convert("RGB")
    if crop:  # timm's crop_pct 1: the shorter side to the crop's, then the centre
        scale = crop / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
        left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
        image = image.crop((left, top, left + crop, top + crop))
    x = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    return (x - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)


def check_source_bits(build, archive: pathlib.Path) -> None:
    """The eager rebuild must be the archive's network: otherwise the comparison says nothing."""
    x = torch.randn(4, 3, 224 if "mobilenet" in archive.name else 32, 224 if "mobilenet" in archive.name else 32)
    with torch.no_grad():
        difference = (build(archive)(x) - torch.jit.load(str(archive), "cpu").eval()(x)).abs().max().item()
    assert difference < 1e-4, f"the eager model differs from {archive.name} by {difference}"


def compare(rows, build, archive, batch_size: int, crop: int) -> bool:
    good = True
    images = {}
    for (domain, rule), group in itertools.groupby(rows, key=lambda row: (row["domain"], row["rule"])):
        group = list(group)
        model = replace_norms(build(archive), rule)
        same = right = right_here = 0
        for start in range(0, len(group), batch_size):
            part = group[start:start + batch_size]
            for row in part:
                if row["path"] not in images:
                    images[row["path"]] = read_image(row["path"], crop)
            with torch.inference_mode():
                predicted = model(torch.stack([images[row["path"]] for row in part])).argmax(1).tolist()
            same += sum(int(row["prediction"]) == p for row, p in zip(part, predicted))
            right += sum(int(row["label"]) == p for row, p in zip(part, predicted))
            right_here += sum(int(row["label"]) == int(row["prediction"]) for row in part)
        n = len(group)
        ok = same >= 0.999 * n
        good &= ok
        print(f"{domain:22s} {rule:36s} {n:5d} images  same class {100 * same / n:6.2f} %  accuracy ttscale {100 * right_here / n:5.2f}  Python "
              f"{100 * right / n:5.2f}{'' if ok else '  <-- BELOW 99.9 %'}", flush=True)
    return good


def run_case(args, name, build, archive, data, batch_size, flags, crop) -> bool:
    check_source_bits(build, archive)
    with tempfile.TemporaryDirectory() as folder:
        predictions = pathlib.Path(folder) / "predictions.csv"
        command = [args.ttscale, "eval", str(archive), "--data", str(data), "--batch-size", str(batch_size), "--predictions", str(predictions),
                   "--mean", *map(str, IMAGENET_MEAN), "--std", *map(str, IMAGENET_STD), *flags]
        for rule in RULES:
            command += ["--rule", rule]
        print(f"{name}, batch {batch_size}: {' '.join(command)}", flush=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(predictions, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    rows.sort(key=lambda row: (row["domain"], RULES.index(row["rule"])))  # stable: stream order stays
    return compare(rows, build, archive, batch_size, crop)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--quick", action="store_true", help="fewer images and domains, about a minute")
    args = parser.parse_args()
    models = args.data / "models"
    if not (models / "resnet20-cifar10.scripted.pt").exists():
        print(f"SKIPPED: {args.data} is not there; predictions were not compared with Python's")
        return 77
    cifar, imagenet = args.data / "cifar10-dev", args.data / "imagenet-dev"
    class_map = ["--class-map", str(imagenet / "class-map.txt"), "--img-size", "224", "--crop-pct", "1", "--crop-mode", "center"]
    crop_only = ["--class-map", str(imagenet / "class-map.txt")]
    noise = cifar / "shifted" / "gaussian_noise" / ("5" if args.quick else "")
    few = ["--num-samples", "500"] if args.quick else []
    cases = [("ResNet-20", eager_resnet20, models / "resnet20-cifar10.scripted.pt", noise, batch, few, 0) for batch in (200, 16)]
    shifted = imagenet / "shifted" / ("contrast" if args.quick else "")
    cases.append(("MobileNetV1", eager_mobilenet, models / "mobilenetv1-025-imagenet.traced.pt", shifted, 50, crop_only, 0))
    if not args.quick:
        cases += [("ResNet-20", eager_resnet20, models / "resnet20-cifar10.traced.pt", cifar, 200, [], 0),
                  ("MobileNetV1 clean", eager_mobilenet, models / "mobilenetv1-025-imagenet.scripted.pt", imagenet / "clean", 50, class_map, 224)]
    torch.manual_seed(0)
    good = all([run_case(args, *case) for case in cases])
    print("all classes agree to 99.9 %" if good else "FAILED: see the lines marked above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
