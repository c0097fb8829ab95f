# SPDX-License-Identifier: MIT
"""Checks on torchvision's architectures what ttscale finds in their archives, and that what it makes of them computes what eager PyTorch does.

usage: check_architectures.py --ttscale BUILD/bin/ttscale --library BUILD/lib/libttscale.so [--only NAME] [--quick] [--write]

Every architecture gets seeded random weights and is saved scripted, traced, frozen with its BatchNorm layers kept, and folded (torch.jit.freeze) from both.
For each archive
- `inspect` must count every BatchNorm of the eager model, as a layer or as a convolution into which it was folded, and nothing else;
- what `adapt --keep-online` wrote must give, with its rule set to `source`, the bits of the untouched archive, and set to `batch` what eager PyTorch gives with
  its BatchNorm modules in training mode. References of folded archives come from their unfolded twin (`calibrate --from`); `calibrate --data` must measure the
  same sites;
- what `adapt` wrote must run without the library and equal the former held at its statistics (ema:momentum=0);
- without BatchNorm: the features of the last layer are measured, and under `batch` they must be those that the formula of ttscale::restandardize gives.

What was found is a table, which stands in src/README.md: --write puts it there, without it the script fails if the two differ. --quick checks two of the six
columns, which is what the tests do. Exit status: 0 if all holds, 1 if not, 77 if this Python has no torch and torchvision, or another torch than ttscale was built with.
"""
import argparse
import concurrent.futures
import copy
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile

try:
    import numpy as np
    import torch
    import torchvision
    from PIL import Image
    from torch import nn
    from torchvision import models
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; torchvision's architectures were not checked")
    sys.exit(77)

README = pathlib.Path(__file__).resolve().parents[1] / "src" / "README.md"
BEGIN, END = "<!-- made by scripts/check_architectures.py --write -->", "<!-- end of what check_architectures.py made -->"
VARIANTS = ["scripted", "traced", "frozen, BN kept", "folded (scripted)", "folded (traced)", "optimize_for_inference"]
QUICK_VARIANTS = ["scripted", "folded (traced)"]
CLASSES = 10
BATCH = 8
MEAN, STD = 0.5, 0.25

# Bounds relative to the largest output; BATCH_RELATIVE to each output. For scale: eager PyTorch in float32 and in float64 differ by up to 4e-5 here.
BATCH_RELATIVE, BATCH_ABSOLUTE = 1e-3, 1e-4
FOLDED_BOUND = 1e-3  # folding rounds weights and bias once more
BAKED_BOUND = 1e-4


# --- architectures --------------------------------------------------------------------------------------------------------


class SegmentationScores(nn.Module):
    """torchvision's segmentation networks return a dictionary."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)["out"]


class InceptionScores(nn.Module):
    """A scripted Inception-V3 returns a pair with the auxiliary scores, whether it has them or not."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net._forward(x)[0]


def vgg11_bn() -> nn.Module:
    model = models.vgg11_bn(num_classes=CLASSES, init_weights=False)
    model.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, CLASSES))  # 100 million weights fewer
    return model


def densenet() -> nn.Module:
    # DenseNet-121 has the same layers, five times as many.
    return models.DenseNet(growth_rate=16, block_config=(3, 3, 3, 3), num_init_features=32, num_classes=CLASSES)


def inception() -> nn.Module:
    return InceptionScores(models.inception_v3(num_classes=CLASSES, aux_logits=False, transform_input=False, init_weights=False))


def vision_transformer() -> nn.Module:
    return models.VisionTransformer(image_size=64, patch_size=16, num_layers=4, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=CLASSES)


def convnext() -> nn.Module:
    setting = models.convnext.CNBlockConfig
    return models.ConvNeXt([setting(32, 64, 1), setting(64, 128, 1), setting(128, None, 2)], num_classes=CLASSES)


def lraspp() -> nn.Module:
    return SegmentationScores(models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES))


# Name, what makes it, edge of its images.
ARCHITECTURES = [
    ("ResNet-18", lambda: models.resnet18(num_classes=CLASSES), 64),
    ("MobileNetV2", lambda: models.mobilenet_v2(num_classes=CLASSES), 64),
    ("MobileNetV3-small", lambda: models.mobilenet_v3_small(num_classes=CLASSES), 64),
    ("EfficientNet-B0", lambda: models.efficientnet_b0(num_classes=CLASSES), 64),
    ("DenseNet, 3 layers a block", densenet, 64),
    ("VGG-11-BN", vgg11_bn, 64),
    ("RegNetY-400MF", lambda: models.regnet_y_400mf(num_classes=CLASSES), 64),
    ("ShuffleNetV2 x0.5", lambda: models.shufflenet_v2_x0_5(num_classes=CLASSES), 64),
    ("Inception-V3", inception, 128),
    ("ViT, 4 layers", vision_transformer, 64),
    ("ConvNeXt, 4 blocks", convnext, 64),
    ("LR-ASPP MobileNetV3-large", lraspp, 64),
]


def batch_norms(model: nn.Module) -> list:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def randomise(model: nn.Module, size: int) -> None:
    """What initialisation leaves at 0 or 1 becomes random, so that a mistake shows; running statistics become those of other images and then stray from
    them, so that activations stay bounded and no rule gives what another gives."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.numel() > 1 and parameter.min() == parameter.max():
                if name.endswith("bias") or parameter.max() == 0:
                    parameter.normal_(0, 0.2)
                else:  # one gamma in eight is negative
                    parameter.uniform_(0.5, 1.5).mul_(1 - 2 * (torch.rand_like(parameter) < 0.125).float())
        norms = batch_norms(model)
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        model(as_input(pictures(2 * BATCH, size, seed=2)))
        for norm in norms:
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
            norm.momentum = 0.1
    model.eval()


def in_training_mode(model: nn.Module) -> nn.Module:
    """BatchNorm takes the batch's statistics and keeps its own; all else is at rest."""
    result = copy.deepcopy(model).eval()
    for norm in batch_norms(result):
        norm.train()
        norm.momentum = 0.0
    return result


def pictures(count: int, size: int, seed: int) -> np.ndarray:
    """[count, size, size, 3] in 0 to 255: blots in random colours with noise, of different brightness and contrast."""
    random = np.random.default_rng(seed)
    blots = random.uniform(0, 255, (count, 8, 8, 3)).repeat(size // 8, 1).repeat(size // 8, 2)
    contrast, brightness = random.uniform(0.3, 1, (count, 1, 1, 1)), random.uniform(0, 40, (count, 1, 1, 1))
    return (contrast * blots + brightness + random.normal(0, 20, blots.shape)).clip(0, 255).astype(np.uint8)


def as_input(pixels: np.ndarray) -> torch.Tensor:
    return ((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD).contiguous()  # channels last takes other kernels, other bits


def write_images(folder: pathlib.Path, size: int) -> None:
    folder.mkdir()
    for i, pixels in enumerate(pictures(BATCH, size, seed=1)):
        Image.fromarray(pixels).save(folder / f"{i}.png")


# --- archives -------------------------------------------------------------------------------------------------------------


def first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def save_variants(model: nn.Module, x: torch.Tensor, folder: pathlib.Path) -> dict:
    """Variant -> archive, or the sentence that says why there is none."""
    out = {}
    scripted = None
    try:
        scripted = torch.jit.script(model)
    except Exception as error:  # TorchScript raises many kinds
        out["scripted"] = out["folded (scripted)"] = f"does not script: {first_line(error)}"
    traced = torch.jit.trace(model, x, check_trace=False)
    unfolded = scripted if scripted is not None else traced
    modules = {"traced": traced, "frozen, BN kept": torch.jit.freeze(unfolded, optimize_numerics=False), "folded (traced)": torch.jit.freeze(traced)}
    if scripted is not None:
        modules.update({"scripted": scripted, "folded (scripted)": torch.jit.freeze(scripted)})
    for variant, module in modules.items():
        out[variant] = folder / (re.sub(r"\W+", "-", variant) + ".pt")
        torch.jit.save(module, str(out[variant]))
    archive = folder / "optimized.pt"
    torch.jit.save(torch.jit.optimize_for_inference(torch.jit.freeze(unfolded)), str(archive))
    try:
        torch.jit.load(str(archive))
        out["optimize_for_inference"] = archive
    except RuntimeError:  # constants in mkldnn layout are not written
        out["optimize_for_inference"] = "PyTorch cannot load what it saved"
    return out


# --- running --------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """ttscale ended with an error."""


class Wrong(Exception):
    """A check that does not hold."""


def expect(holds: bool, message: str) -> None:
    if not holds:
        raise Wrong(message)


class Program:
    def __init__(self, path: str):
        self.path = path
        self.seconds = 0.0

    def __call__(self, command: str, *arguments) -> str:
        start = time.perf_counter()
        done = subprocess.run([self.path, command, *map(str, arguments)], capture_output=True, text=True)
        self.seconds += time.perf_counter() - start
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise Refused(f"{command} exits with {done.returncode}: {lines[-1] if lines else 'no message'}")
        return done.stdout


def load_library(path: str) -> None:
    torch.set_num_threads(1)
    torch.ops.load_library(path)


def run_with_library(archive: str, x: np.ndarray, rule: str) -> np.ndarray:
    module = torch.jit.load(archive).eval()
    if rule:
        module._ttscale_rule = rule
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


def run(archive: pathlib.Path, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.jit.load(str(archive)).eval()(x)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest, relative to the largest value of b."""
    return ((a - b).abs().max() / b.abs().max()).item()


class Check:
    """One archive against its eager model."""

    def __init__(self, program: Program, with_library, model: nn.Module, x: torch.Tensor, images: pathlib.Path, folder: pathlib.Path):
        self.program, self.with_library = program, with_library
        self.model, self.x, self.folder = model, x, folder
        self.images = ["--data", images, "--img-size", x.shape[-1], "--crop-pct", 1, "--mean", MEAN, "--std", STD, "--batch-size", BATCH // 2, "--workers", 1,
                       "--threads", 1]
        self.norms = len(batch_norms(model))
        with torch.no_grad():
            self.source = model(x)
            self.batch = in_training_mode(model)(x)
        expect(bool(self.source.isfinite().all()) and bool(self.batch.isfinite().all()), "the eager model gives NaN or Inf")
        expect(self.source.std(0).max().item() > 1e-3, "the eager model gives the same for all images")
        expect(self.norms == 0 or difference(self.source, self.batch) > 0.02, "statistics of the batch make no difference")

    def online(self, archive: pathlib.Path, rule: str = "") -> torch.Tensor:
        return torch.from_numpy(self.with_library.submit(run_with_library, str(archive), self.x.numpy(), rule).result())

    def adapt(self, archive: pathlib.Path, rule: str, flags) -> pathlib.Path:
        out = self.folder / f"{rule.split(':')[0]}{'-online' if '--keep-online' in flags else ''}.pt"
        self.program("adapt", archive, *self.images, "--rule", rule, "--out", out, *flags)
        return out

    def sites(self, archive: pathlib.Path) -> tuple:
        found = json.loads(self.program("inspect", archive, "--json"))
        norms = {site["name"] for site in found["sites"] if site["adaptable"]}
        features = {site["name"]: site["kind"] for site in found["features"] if site["chosen"]}
        expect(len(norms) == found["adaptable"] and len(features) == found["chosen_features"], "inspect counts other sites than it lists")
        return norms, features

    def calibrate(self, archive: pathlib.Path, out: str, *flags) -> pathlib.Path:
        self.program("calibrate", archive, *flags, "--out", self.folder / out)
        return self.folder / out

    def names(self, reference: pathlib.Path) -> set:
        return {site["name"] for site in torch.load(reference, weights_only=True)["sites"]}

    def adapted(self, archive: pathlib.Path, flags, rule: str = "cumulative") -> tuple:
        """Lets the archive see the images. Checks that source gives its bits, whatever was seen, and that the fixed stream equals the one that goes on;
        returns what that one gives under batch and under its own rule. An online archive keeps its rule as an attribute, which Python may set."""
        online, baked = self.adapt(archive, rule, ["--keep-online", *flags]), self.adapt(archive, rule, flags)
        untouched, source = run(archive, self.x), self.online(online, "source")
        expect(torch.equal(untouched, source), f"source differs from the untouched archive by {difference(source, untouched):.1e}")
        expect(difference(untouched, self.source) < 1e-3, f"the archive itself differs from the eager model by {difference(untouched, self.source):.1e}")
        with zipfile.ZipFile(baked) as content:
            code = b"".join(content.read(name) for name in content.namelist() if name.endswith(".py"))
        expect(b"ttscale" not in code, "the baked archive names ttscale")
        fixed, held = run(baked, self.x), self.online(online, "ema:momentum=0")
        expect(difference(fixed, held) <= BAKED_BOUND, f"baked and online differ by {difference(fixed, held):.1e}")
        expect(difference(fixed, untouched) > 1e-3, "baked gives what the untouched archive gives")
        return self.online(online, "batch"), self.online(online)

    def unfolded(self, archive: pathlib.Path) -> str:
        norms, features = self.sites(archive)
        expect(len(norms) == self.norms and not features, f"{len(norms)} BatchNorm and {len(features)} feature sites for {self.norms} BatchNorm modules")
        batch, _ = self.adapted(archive, [])
        scale = self.batch.abs().max().item()
        expect(torch.allclose(batch, self.batch, rtol=BATCH_RELATIVE, atol=BATCH_ABSOLUTE * scale),
               f"batch differs from eager PyTorch by {difference(batch, self.batch):.1e}")
        return f"{len(norms)} BN, exact"

    def folded(self, archive: pathlib.Path, twin: pathlib.Path) -> str:
        norms, features = self.sites(archive)
        expect(len(norms) + len(features) == self.norms and set(features.values()) <= {"convolution"},
               f"{len(norms)} BatchNorm and {len(features)} feature sites for {self.norms} BatchNorm modules")
        exact = self.calibrate(archive, "exact.reference", "--from", twin)
        measured = self.calibrate(archive, "measured.reference", *self.images)
        expect(self.names(exact) == set(features), f"the twin explains {len(self.names(exact))} sites, inspect chooses {len(features)}")
        expect(self.names(measured) == set(features) | norms, "calibrate --data measures other sites than inspect chooses")
        batch, _ = self.adapted(archive, ["--reference", exact])
        expect(difference(batch, self.batch) <= FOLDED_BOUND, f"batch differs from eager PyTorch by {difference(batch, self.batch):.1e}")
        return (f"{len(norms)} BN + " if norms else "") + f"{len(features)} folded, <= {FOLDED_BOUND:.0e}".replace("e-0", "e-")

    def without_norms(self, archive: pathlib.Path) -> str:
        norms, features = self.sites(archive)
        expect(not norms and list(features.values()) == ["features"], f"{len(norms)} BatchNorm sites and {features} in a network without BatchNorm")
        reference = self.calibrate(archive, "features.reference", *self.images)
        batch, ema = self.adapted(archive, ["--reference", reference], "ema")
        expected = self.with_features(torch.load(reference, weights_only=True)["sites"][0])
        expect(difference(batch, expected) <= FOLDED_BOUND, f"batch differs from the formula by {difference(batch, expected):.1e}")
        expect(bool(ema.isfinite().all()) and difference(ema, self.source) > 1e-3, "ema gives what source gives, or NaN")
        return "no BN, features of the last layer"

    def with_features(self, site: dict) -> torch.Tensor:
        """The eager model whose last layer takes features brought to the reference."""

        def restandardise(_, inputs):
            x = inputs[0].double()
            var, mean = torch.var_mean(x, 0, unbiased=False)
            y = (x - mean) * ((site["var"] + site["eps"]) / (var + site["eps"])).sqrt() + site["mean"]
            return (y.float(),)

        model = copy.deepcopy(self.model)
        last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        last.register_forward_pre_hook(restandardise)
        with torch.no_grad():
            return model(self.x)

    def cell(self, variant: str, archives: dict) -> str:
        archive = archives[variant]
        if isinstance(archive, str):
            return archive
        if self.norms == 0:
            return self.without_norms(archive)
        if variant.startswith("folded") or variant == "optimize_for_inference":
            return self.folded(archive, archives["traced" if variant == "folded (traced)" or isinstance(archives["scripted"], str) else "scripted"])
        return self.unfolded(archive)


# --- the table ------------------------------------------------------------------------------------------------------------


def check_architecture(program: Program, with_library, name: str, build, size: int, folder: pathlib.Path, variants: list, wrong: list) -> list:
    start, before = time.perf_counter(), program.seconds
    torch.manual_seed(0)
    model = build().eval()
    randomise(model, size)
    x = as_input(pictures(BATCH, size, seed=3))
    images = folder / "images"
    write_images(images, size)
    with torch.no_grad():
        archives = save_variants(model, x, folder)
    saved = time.perf_counter()
    check = Check(program, with_library, model, x, images, folder)
    cells = []
    for variant in variants:
        try:
            cells.append(check.cell(variant, archives))
        except (Wrong, Refused) as error:
            cells.append("FAILED")
            wrong.append(f"{name}, {variant}: {error}")
    end = time.perf_counter()
    print(f"{name}: {'; '.join(cells)}  ({saved - start:.0f} s to make archives, {end - saved:.0f} s to check them, {program.seconds - before:.0f} s of that "
          "in ttscale)", flush=True)
    return cells


def table(rows: list, variants: list) -> str:
    lines = [["architecture", *variants], ["---"] * (1 + len(variants)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def columns(text: str, variants: list) -> str:
    """The table with the first column and those of the variants alone."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    kept = [0] + [i for i, title in enumerate(rows[0]) if title in variants]
    return table([[row[i] for i in kept] for row in rows[2:]], [rows[0][i] for i in kept[1:]])


def compare_with_readme(text: str, variants: list, write: bool) -> str:
    """What is wrong with the table in the README, or with these columns of it; empty if nothing is."""
    readme = README.read_text(encoding="utf-8")
    head, begin, rest = readme.partition(BEGIN + "\n")
    there, end, tail = rest.partition(END)
    if not begin or not end:
        return f"{README} lacks the lines {BEGIN} and {END}"
    if write:
        README.write_text(head + begin + text + end + tail, encoding="utf-8")
        return ""
    return "" if columns(there, variants) == text else f"the table in {README} is not what was found; run this script with --write"


def skip(reason: str) -> None:
    print(f"SKIPPED: {reason}; torchvision's architectures were not checked")
    sys.exit(77)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttscale", required=True, help="the program")
    parser.add_argument("--library", required=True, help="libttscale.so")
    parser.add_argument("--only", help="architectures whose name contains this; the README is then left alone")
    parser.add_argument("--quick", action="store_true", help=f"check the columns {' and '.join(QUICK_VARIANTS)} alone")
    parser.add_argument("--write", action="store_true", help="put the table into src/README.md")
    args = parser.parse_args()
    if args.write and (args.quick or args.only):
        parser.error("--write needs the whole table: leave --quick and --only out")
    variants = QUICK_VARIANTS if args.quick else VARIANTS
    version = subprocess.run([args.ttscale, "--version"], capture_output=True, text=True, check=True).stdout
    built_with = re.search(r"LibTorch ([\d.]+)", version).group(1)
    if torch.__version__.split("+")[0].split("a")[0] != built_with:  # Debian's is 1.13.0a0
        skip(f"{sys.executable} has torch {torch.__version__}, ttscale was built with {built_with}")

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    program, rows, wrong = Program(args.ttscale), [], []
    # A process of its own has the library; this one has not, so that what runs here does without.
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"), load_library, (args.library,)) as with_library:
        with_library.submit(int).result()  # forked now, before this process computes
        for name, build, size in ARCHITECTURES:
            if args.only and args.only.lower() not in name.lower():
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows.append([name, *check_architecture(program, with_library, name, build, size, pathlib.Path(folder), variants, wrong)])
    text = table(rows, variants)
    print(f"\ntorch {torch.__version__}, torchvision {torchvision.__version__}\n\n{text}")
    if not wrong and not args.only:
        wrong = [line for line in [compare_with_readme(text, variants, args.write)] if line]
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
