# SPDX-License-Identifier: MIT
"""Writes the small seeded TorchScript archives of tests/archives and, for those that adapt, what eager PyTorch computes with them.

usage: /usr/bin/python3 scripts/make_test_archives.py [NAME ...]      (torch 1.13.1, Debian's python3-torch: older LibTorch must read the files)

With names only those archives are written: TorchScript keeps paths and line numbers of this file in them, so that a second run gives other bytes.

NAME.pt is the archive. NAME.golden.pt holds tensors: "input", "source" (eval mode) and, where BatchNorm has running statistics, "batch" (BatchNorm modules in
training mode with momentum 0, all else in eval mode).
"""
import copy
import pathlib
import sys
import warnings
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.mkldnn import to_mkldnn
from torch.utils.mobile_optimizer import optimize_for_mobile

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "archives"


class Net(nn.Module):
    """conv-bn-relu twice, pooling, classifier; the dimension of convolution and BatchNorm is a parameter."""

    def __init__(self, dims: int = 2, **bn):
        super().__init__()
        conv, norm = {1: (nn.Conv1d, nn.BatchNorm1d), 2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}[dims]
        self.stem = nn.Sequential(conv(3, 4, 3, padding=1, bias=False), norm(4, **bn), nn.ReLU())
        self.conv2 = conv(4, 6, 3, padding=1, bias=False)
        self.bn2 = norm(6, eps=1e-3, **bn)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = F.relu(self.bn2(self.conv2(self.stem(x))))
        return self.fc(x.flatten(2).mean(2))


class Features(nn.Module):
    """BatchNorm1d on [N, C]."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(12, 8)
        self.bn = nn.BatchNorm1d(8)
        self.fc2 = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc2(F.relu(self.bn(self.fc1(x.flatten(1)))))


class Branches(nn.Module):
    """BatchNorm inside an If and inside a Loop."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)
        self.small = nn.BatchNorm2d(4)
        self.large = nn.BatchNorm2d(4)
        self.again = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.conv(x)
        if x.size(2) > 16:
            x = self.large(x)
        else:
            x = self.small(x)
        for _ in range(x.size(0) // 2):
            x = F.relu(self.again(x))
        return self.fc(x.mean([2, 3]))


class Shared(nn.Module):
    """One BatchNorm called twice."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = F.relu(self.bn(self.conv1(x)))
        return self.fc(self.bn(self.conv2(x)).mean([2, 3]))


class Functional(nn.Module):
    """F.batch_norm on buffers, with dropout."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("var", torch.ones(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = F.batch_norm(self.conv(x), self.mean, self.var, None, None, False, 0.1, 1e-4)
        return self.fc(F.relu(x).mean([2, 3]))


class Dropped(nn.Module):
    """BatchNorm and dropout, to be traced in training mode."""

    def __init__(self):
        super().__init__()
        self.net = Net()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.net(x))


class OtherNorms(nn.Module):
    """Layer, group and instance norm, no BatchNorm."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.group = nn.GroupNorm(2, 4)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.layer = nn.LayerNorm(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.instance(self.group(self.conv(x)))
        return self.fc(self.layer(x.mean([2, 3])))


class Forked(nn.Module):
    """One BatchNorm in a fork, one outside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.outer = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        future = torch.jit.fork(self.inner, x)
        return self.fc(self.outer(torch.jit.wait(future)).mean([2, 3]))


class Bare(nn.Module):
    """Nothing to adapt, no convolution."""

    def forward(self, x):
        return x.mean([2, 3])


class Gate(nn.Module):
    """Squeeze and excitation: two convolutions on pooled features."""

    def __init__(self, channels: int):
        super().__init__()
        self.reduce = nn.Conv2d(channels, 2, 1)
        self.expand = nn.Conv2d(2, channels, 1)

    def forward(self, x):
        scale = F.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(scale))))


class Blocks(nn.Module):
    """What the convolutions of residual, mobile and gated networks stand next to, with a convolution for classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.residual = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.gate = Gate(4)
        self.bottleneck = nn.Sequential(nn.Conv2d(4, 3, 1, bias=False), nn.BatchNorm2d(3))
        self.expand = nn.Sequential(nn.Conv2d(3, 6, 1, bias=False), nn.BatchNorm2d(6, eps=1e-3), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.BatchNorm2d(6), nn.ReLU6())
        self.head = nn.Conv2d(6, 5, 1)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(x + self.residual(self.inner(x)))
        x = self.depthwise(self.expand(self.bottleneck(self.gate(x))))
        return F.adaptive_avg_pool2d(self.head(x), 1).flatten(1)


class PreActivation(nn.Module):
    """A BatchNorm behind an activation, which freezing cannot fold, among two that it can."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.before = nn.BatchNorm2d(4)
        self.conv = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.conv(F.relu(self.before(x)))
        return self.fc(F.relu(x).mean([2, 3]))


class Tokens(nn.Module):
    """A transformer's way in and out: patches, tokens, head."""

    def __init__(self, norm: bool):
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 2, stride=2)
        self.norm = nn.LayerNorm(6) if norm else nn.Identity()
        self.mix = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(F.gelu(self.mix(x)).mean(1))


class Grouped(nn.Module):
    """GroupNorm behind convolutions with bias."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.conv2, self.norm2 = nn.Conv2d(4, 6, 3, padding=1), nn.GroupNorm(3, 6)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return self.fc(F.relu(self.norm2(self.conv2(x))).mean([2, 3]))


class ForkedConvolution(nn.Module):
    """One convolution with bias in a fork, one outside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(3, 4, 1)
        self.outer = nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        future = torch.jit.fork(self.inner, x)
        return self.fc(F.relu(self.outer(F.relu(torch.jit.wait(future)))).mean([2, 3]))


class BranchesConvolution(nn.Module):
    """Convolutions with bias inside an If and inside a Loop."""

    def __init__(self):
        super().__init__()
        self.small = nn.Conv2d(3, 4, 1)
        self.large = nn.Conv2d(3, 4, 1)
        self.again = nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        if x.size(2) > 16:
            x = self.large(x)
        else:
            x = self.small(x)
        for _ in range(2):
            x = F.relu(self.again(x))
        return self.fc(x.mean([2, 3]))


class Mobile(nn.Module):
    """Every operator that optimize_for_mobile packs: convolutions with and without an activation behind BatchNorm, depthwise, transposed, linear."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU6())
        self.pointwise = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.hidden = nn.Linear(4, 6)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.depthwise(self.stem(x))
        x = F.relu(x + self.pointwise(x))
        x = F.relu(self.up(x)).mean([2, 3])
        return self.fc(F.relu(self.hidden(x)))


class Repeated(nn.Module):
    """A convolution and its BatchNorm in a loop, three times for images of 8x8."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.again = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x)
        for _ in range(x.size(2) // 4 + 1):
            x = F.relu(self.bn(self.again(x)))
        return self.fc(x.mean([2, 3]))


class Unrolled(Repeated):
    """The same as often for all images: freezing unrolls the loop."""

    def forward(self, x):
        x = self.stem(x)
        for _ in range(3):
            x = F.relu(self.bn(self.again(x)))
        return self.fc(x.mean([2, 3]))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x, y):
        return self.bn(x) + y


class TupleOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        x = self.bn(x)
        return x, x.mean([2, 3])


class Broken(nn.Module):
    """Fails inside, after its first site."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        x = self.bn(x)
        if x.size(0) == 3:
            raise RuntimeError("three images are too many")
        return self.fc(x.mean([2, 3]))


class Split(nn.Module):
    """Statistics chosen by the size of the image (split or domain-specific BatchNorm)."""

    def __init__(self):
        super().__init__()
        for name in ("small", "large"):
            self.register_buffer(f"{name}_mean", torch.randn(3))
            self.register_buffer(f"{name}_var", torch.rand(3) + 0.5)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        if x.size(2) > 16:
            mean, var = self.large_mean, self.large_var
        else:
            mean, var = self.small_mean, self.small_var
        return self.bn(F.batch_norm(x, mean, var, None, None, False, 0.1, 1e-5)).mean([2, 3])


class ReluFirst(nn.Module):
    """A ReLU hides -Inf from the site behind it."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn(F.relu(x)).mean([2, 3])


class Mutating(nn.Module):
    """Counts its calls in a buffer that enters the result."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls.add_(1)
        return self.bn(x).mean([2, 3]) + self.calls


class MonteCarlo(nn.Module):
    """Dropout that is meant to stay on, beside a BatchNorm without running statistics; traced in eval mode."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.own = nn.BatchNorm2d(3, track_running_stats=False)

    def forward(self, x):
        return F.dropout(self.own(self.bn(x)).mean([2, 3]), 0.5, True)


class RaisesValueError(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        if x.size(2) != 32:
            raise ValueError("expected images of\n32 pixels")
        return self.bn(x).mean([2, 3])


class RaisesWhenLoaded(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    @torch.jit.export
    def __getstate__(self):
        return (self.bn.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]):
        raise ValueError("made by a newer version")

    def forward(self, x):
        return self.bn(x)


class OptionalInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: Optional[torch.Tensor] = None, scale: float = 1.0):
        assert x is not None
        return self.bn(x).mean([2, 3]) * scale


@torch.jit.interface
class Layer(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(x)


class BehindInterface(nn.Module):
    """One BatchNorm in sight, one behind a module interface."""

    layer: Layer

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.layer = torch.jit.script(Hidden())

    def forward(self, x):
        return self.layer.forward(self.bn(x)).mean([2, 3])


class NoForward(nn.Module):
    @torch.jit.export
    def predict(self, x):
        return x + 1


def randomise(module: nn.Module) -> nn.Module:
    """Gives every BatchNorm statistics and affine parameters that are not the identity."""
    for m in module.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            if m.running_mean is not None:
                m.running_mean.normal_(0, 0.3)
                m.running_var.uniform_(0.3, 1.5)
            if m.affine:
                nn.init.uniform_(m.weight, 0.5, 1.5)
                nn.init.normal_(m.bias, 0, 0.3)
    return module


def batch_mode(module: nn.Module) -> nn.Module:
    out = copy.deepcopy(module).eval()
    for m in out.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.train()
            m.momentum = 0.0
    return out


def save(name: str, archive: torch.jit.ScriptModule, eager: nn.Module = None, example: torch.Tensor = None) -> None:
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    archive.save(str(OUT / f"{name}.pt"))
    if eager is not None:
        with torch.no_grad():
            golden = {"input": example, "source": copy.deepcopy(eager).eval()(example), "batch": batch_mode(eager)(example)}
        torch.save(golden, OUT / f"{name}.golden.pt", _use_new_zipfile_serialization=True)


def frozen(eager: nn.Module, fold: bool) -> torch.jit.ScriptModule:
    return torch.jit.freeze(torch.jit.script(copy.deepcopy(eager).eval()), optimize_numerics=fold)


def quantized() -> torch.jit.ScriptModule:
    class Quantizable(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.bn = nn.BatchNorm2d(4)

        def forward(self, x):
            return self.dequant(self.bn(self.conv(self.quant(x)))).mean([2, 3])

    model = Quantizable().eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    prepared = torch.ao.quantization.prepare(model)
    prepared(torch.randn(4, 3, 8, 8))
    return torch.jit.script(torch.ao.quantization.convert(prepared))


def main() -> None:
    warnings.filterwarnings("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    x = torch.randn(6, 3, 8, 8) * 0.7 + 0.5

    net = randomise(Net()).eval()
    save("net.scripted", torch.jit.script(net), net, x)
    save("net.traced", torch.jit.trace(net, x), net, x)
    save("net.frozen", frozen(net, fold=False), net, x)
    save("net.folded", frozen(net, fold=True))
    training = copy.deepcopy(net).train()
    save("net.scripted-in-training", torch.jit.script(training), net, x)
    for dims, shape in ((1, (6, 3, 20)), (3, (6, 3, 4, 6, 6))):
        eager = randomise(Net(dims)).eval()
        save(f"net{dims}d", torch.jit.script(eager), eager, torch.randn(shape))
        save(f"net{dims}d.folded", frozen(eager, fold=True))
    features = randomise(Features()).eval()
    save("features", torch.jit.script(features), features, torch.randn(6, 3, 2, 2))
    plain = randomise(Net(affine=False)).eval()
    save("net.plain", torch.jit.script(plain), plain, x)
    fresh = Net().eval()  # equal statistics everywhere: freezing pools them into shared constants
    save("net.pooled", frozen(fresh, fold=False), fresh, x)
    branches = randomise(Branches()).eval()
    save("branches", torch.jit.script(branches), branches, x)
    shared = randomise(Shared()).eval()
    save("shared", torch.jit.script(shared), shared, x)
    functional = Functional().eval()
    functional.mean.normal_(0, 0.3)
    save("functional", torch.jit.script(functional))
    save("functional.traced", torch.jit.trace(functional, x))
    dropped = Dropped()
    dropped.net = net
    tracing = copy.deepcopy(dropped).train()
    for m in tracing.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.momentum = 0.0  # tracing runs the model: without this its running statistics would move
    with torch.no_grad():
        save("traced-in-training", torch.jit.trace(tracing, x, check_trace=False), dropped, x)
    save("no-statistics", torch.jit.script(Net(track_running_stats=False).eval()))
    save("other-norms", torch.jit.script(OtherNorms().eval()))
    save("forked", torch.jit.script(randomise(Forked()).eval()))
    save("bare", torch.jit.script(Bare()))
    save("two-inputs", torch.jit.script(TwoInputs().eval()))
    save("tuple-output", torch.jit.script(TupleOutput().eval()))
    save("broken", torch.jit.script(Broken().eval()))
    save("no-forward", torch.jit.script(NoForward()))
    split = randomise(Split()).eval()
    save("split", torch.jit.script(split), split, x)
    for name, model in (("relu-first", ReluFirst()), ("mutating", Mutating()), ("raises-value-error", RaisesValueError()),
                        ("raises-when-loaded", RaisesWhenLoaded()), ("optional-input", OptionalInput()), ("behind-interface", BehindInterface())):
        save(name, torch.jit.script(randomise(model).eval()))
    save("monte-carlo", torch.jit.trace(randomise(MonteCarlo()).eval(), x, check_trace=False))
    save("quantized", quantized())
    half = copy.deepcopy(net).to(torch.bfloat16)
    save("net.bfloat16", torch.jit.script(half))
    mkldnn = to_mkldnn(nn.Sequential(nn.Conv2d(3, 4, 1), randomise(nn.BatchNorm2d(4))).eval())
    save("mkldnn", torch.jit.trace(mkldnn, x.to_mkldnn(), check_trace=False))
    if len(sys.argv) == 1:
        torch.save({"weight": torch.ones(2)}, OUT / "checkpoint.pt")

    torch.manual_seed(1)  # of their own, so that what is added above does not change the numbers below
    blocks = randomise(Blocks()).eval()
    save("blocks.frozen", frozen(blocks, fold=False), blocks, x)
    save("blocks.folded", frozen(blocks, fold=True))
    mixed = randomise(PreActivation()).eval()
    save("mixed", torch.jit.script(mixed), mixed, x)
    save("mixed.folded", frozen(mixed, fold=True))
    save("tokens", torch.jit.script(Tokens(norm=True).eval()))
    save("tokens.bare", torch.jit.script(Tokens(norm=False).eval()))
    save("group-norm", torch.jit.script(Grouped().eval()))
    save("forked-convolution", torch.jit.script(ForkedConvolution().eval()))
    save("branches-convolution", torch.jit.script(BranchesConvolution().eval()))

    torch.manual_seed(2)
    mobile = randomise(Mobile()).eval()
    save("mobile", torch.jit.script(mobile), mobile, x)
    save("mobile.optimized", optimize_for_mobile(torch.jit.script(mobile)))
    repeated = randomise(Repeated()).eval()
    save("repeated", torch.jit.script(repeated), repeated, x)
    save("repeated.folded", frozen(repeated, fold=True))
    unrolled = Unrolled().eval()
    unrolled.load_state_dict(repeated.state_dict())
    save("unrolled.folded", frozen(unrolled, fold=True))


if __name__ == "__main__":
    main()
