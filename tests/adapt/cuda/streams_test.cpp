// SPDX-License-Identifier: MIT
// Streams on a CUDA device, rule by rule: as on the CPU, without making the host wait, on any CUDA stream, and replayed
// as a CUDA graph, whose every replay moves the statistics.
#include <ATen/cuda/CUDAGraph.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>

#include "cuda_test.h"
#include "resnet.h"
#include "ttscale/adapter.h"

namespace ttscale {
namespace {

constexpr std::int64_t kImages = 8;
/// Runs of a graph before LibTorch has settled how to run it: profiling, fusing, choosing convolutions.
constexpr int kWarmUp = 4;

/// With branches that are added up, strides, and convolutions of 1 x 1.
torch::jit::Module network() {
  at::manual_seed(23);
  testing::ResNet net;
  net.blocks = {2, 2};
  net.width = 8;
  net.classes = 10;
  net.wide_stem = false;
  return testing::resnet(net);
}

AdaptedModel adapted(const torch::jit::Module& module, const std::string& rule) {
  AdaptOptions options;
  options.rule = parse_rule(rule);
  options.guard = parse_guard("off");  // it judges on the host
  return adapt(module, options);
}

torch::jit::Module on_device(at::ScalarType type = at::kFloat) {
  torch::jit::Module module = network();
  module.to(at::Device(at::kCUDA), type, /*non_blocking=*/false);
  return module;
}

at::Tensor images(int batch, double contrast = 1.3, double brightness = 0.4) {
  at::manual_seed(100 + batch);
  return at::randn({kImages, 3, 20, 20}) * contrast + brightness;
}

/// Statistics that the stream used last, all sites in one tensor.
at::Tensor used(const Stream& stream) {
  std::vector<at::Tensor> all;
  for (const SiteReport& site : stream.report().sites) {
    all.push_back(site.used_mean);
    all.push_back(site.used_var);
    all.push_back(site.batch_mean);
    all.push_back(site.batch_var);
  }
  return at::cat(all).nan_to_num(0);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  const auto wide = [](const at::Tensor& t) { return t.cpu().to(at::kDouble); };
  return (wide(a) - wide(b)).abs().max().item<double>() / std::max(1.0, wide(b).abs().max().item<double>());
}

class CudaModels : public testing::CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    // Convolutions in TF32 would differ from the CPU's in the third digit.
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setBenchmarkCuDNN(false);
    // It compiles kernels for every new graph, seconds each time; one test has it.
    before_ = torch::jit::tensorExprFuserEnabled();
    torch::jit::setTensorExprFuserEnabled(false);
  }
  void TearDown() override { torch::jit::setTensorExprFuserEnabled(before_); }

 private:
  bool before_ = true;
};

class CudaStreams : public CudaModels, public ::testing::WithParamInterface<const char*> {};

TEST_P(CudaStreams, AreThoseOfTheCpu) {
  const torch::jit::Module module = network();
  Stream here = adapted(module, GetParam()).stream();
  Stream there = adapted(on_device(), GetParam()).stream();
  for (int batch = 0; batch < 4; ++batch) {
    const at::Tensor y = there.forward(images(batch).cuda());
    EXPECT_LE(largest_difference(y, here.forward(images(batch))), 2e-3) << "batch " << batch;
  }
  EXPECT_LE(largest_difference(used(there), used(here)), 2e-3);
}

TEST_P(CudaStreams, DoNotMakeTheHostWait) {
  Stream stream = adapted(on_device(), GetParam()).stream();
  const at::Tensor x = images(0).cuda();
  for (int i = 0; i < kWarmUp; ++i) {
    stream.forward(x);
  }
  const testing::NoSynchronisation none;
  EXPECT_THROW(x.sum().item<float>(), c10::Error) << "this test cannot see synchronisation";
  EXPECT_NO_THROW(stream.forward(x));
}

TEST_P(CudaStreams, RunOnTheCurrentStream) {
  const AdaptedModel model = adapted(on_device(), GetParam());
  Stream plain = model.stream();
  Stream sideways = model.stream();
  const c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool();
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor x = images(batch).cuda();
    const at::Tensor want = plain.forward(x);
    c10::cuda::device_synchronize();
    const c10::cuda::CUDAStreamGuard guard(side);
    const at::Tensor y = sideways.forward(x);
    side.synchronize();
    EXPECT_LE(largest_difference(y, want), 1e-6) << "batch " << batch;
  }
  EXPECT_LE(largest_difference(used(sideways), used(plain)), 1e-9);
}

/// A forward of `stream` as a graph; an exception ends the capture and comes out.
std::unique_ptr<at::cuda::CUDAGraph> capture(Stream& stream, const at::Tensor& x, at::Tensor& y) {
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());
  graph->capture_begin();
  try {
    y = stream.forward(x);
  } catch (...) {
    try {
      graph->capture_end();
    } catch (const std::exception&) {  // says only that the capture is invalid; the first reason counts
    }
    throw;
  }
  graph->capture_end();
  return graph;
}

TEST_P(CudaStreams, AreCapturedAndMoveAtEveryReplay) {
  const AdaptedModel model = adapted(on_device(), GetParam());
  Stream eager = model.stream();
  Stream replayed = model.stream();
  at::Tensor x = images(0).cuda();
  const c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool();
  for (int i = 0; i < kWarmUp; ++i) {
    eager.forward(x);
    c10::cuda::device_synchronize();
    const c10::cuda::CUDAStreamGuard guard(side);
    replayed.forward(x);
    side.synchronize();
  }
  at::Tensor y;
  const auto graph = capture(replayed, x, y);
  const at::Tensor before = used(replayed);
  EXPECT_LE(largest_difference(before, used(eager)), 1e-9) << "capturing is not running";
  for (int batch = 1; batch < 5; ++batch) {
    x.copy_(images(batch, 1.3 + 0.2 * batch, 0.4 * batch));
    graph->replay();
    const at::Tensor want = eager.forward(x);
    EXPECT_LE(largest_difference(y, want), 1e-5) << "batch " << batch;
  }
  EXPECT_LE(largest_difference(used(replayed), used(eager)), 1e-6);
  const StreamReport report = replayed.report();
  EXPECT_EQ(report.batches, kWarmUp + 4);
  EXPECT_EQ(report.images, (kWarmUp + 4) * kImages);
  if (std::string(GetParam()) != "source") {
    EXPECT_GT(largest_difference(used(replayed), before), 1e-3) << "the replays have not moved the statistics";
  }
}

TEST_P(CudaStreams, AReplayedBatchWithNanMovesNothing) {
  const AdaptedModel model = adapted(on_device(), GetParam());
  Stream stream = model.stream();
  at::Tensor x = images(0).cuda();
  for (int i = 0; i < kWarmUp; ++i) {
    stream.forward(x);
  }
  at::Tensor y;
  const auto graph = capture(stream, x, y);
  x.copy_(images(1));
  x[3][1][2][2] = std::numeric_limits<double>::quiet_NaN();
  graph->replay();
  const StreamReport report = stream.report();
  EXPECT_EQ(report.batches, kWarmUp);
  EXPECT_EQ(report.rejected, 1);
}

// ttn needs weights of a calibration under shifts; ops_test.cpp has it.
INSTANTIATE_TEST_SUITE_P(Rules, CudaStreams,
                         ::testing::Values("source", "batch", "batch:variance=unbiased", "prior", "alpha", "ema",
                                           "ema:order=use-update", "cumulative", "dua", "auto", "auto:apart=0.5,alike=2", "iabn:k=1", "rbn",
                                           "tbr", "adamixbn", "unmixtns", "medbn", "mixnorm", "tema", "rotta:slots=16",
                                           "ema:sample=1/4"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name) {
                             c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

class CudaStream : public CudaModels {};

TEST_F(CudaStream, IsCapturedWithFusedOperators) {
  torch::jit::setTensorExprFuserEnabled(true);
  const AdaptedModel model = adapted(on_device(), "ema");
  Stream eager = model.stream();
  Stream replayed = model.stream();
  at::Tensor x = images(0).cuda();
  for (int i = 0; i < kWarmUp; ++i) {
    eager.forward(x);
    replayed.forward(x);
  }
  at::Tensor y;
  const auto graph = capture(replayed, x, y);
  for (int batch = 1; batch < 3; ++batch) {
    x.copy_(images(batch));
    graph->replay();
    EXPECT_LE(largest_difference(y, eager.forward(x)), 1e-5) << "batch " << batch;
  }
}

TEST_F(CudaStream, InHalfPrecisionAndChannelsLastFollowsTheOneInFloat) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    torch::jit::Module module = on_device(type);
    testing::to_channels_last(module);
    Stream narrow = adapted(module, "ema").stream();
    Stream wide = adapted(on_device(), "ema").stream();
    for (int batch = 0; batch < 3; ++batch) {
      const at::Tensor x = images(batch).cuda();
      const at::Tensor y = narrow.forward(x.to(type).contiguous(at::MemoryFormat::ChannelsLast));
      EXPECT_EQ(y.scalar_type(), type);
      EXPECT_LE(largest_difference(y, wide.forward(x)), 0.1) << type;
    }
    EXPECT_LE(largest_difference(used(narrow), used(wide)), 0.1) << type;
  }
}

TEST_F(CudaStream, WithScaledInputIsCapturedAndDoesNotMakeTheHostWait) {
  MinMax robust;
  robust.lower_quantile = 0.01;
  robust.upper_quantile = 0.99;
  robust.mean = {0.5, 0.4, 0.3};
  robust.std = {0.2, 0.3, 0.4};
  const std::vector<InputScaling> scalings{Standardize{robust.mean, robust.std}, robust};
  for (std::size_t i = 0; i < scalings.size(); ++i) {
    AdaptOptions options;
    options.rule = parse_rule("ema");
    options.guard = parse_guard("off");
    options.input = scalings[i];
    Stream stream = adapt(on_device(), options).stream();
    at::Tensor x = images(0).cuda();
    for (int run = 0; run < kWarmUp; ++run) {
      stream.forward(x);
    }
    {
      const testing::NoSynchronisation none;
      EXPECT_NO_THROW(stream.forward(x)) << "scaling " << i;
    }
    at::Tensor y;
    const auto graph = capture(stream, x, y);
    const Snapshot before = stream.snapshot();
    x.copy_(images(1));
    graph->replay();
    const at::Tensor found = y.clone();
    stream.rollback(before);
    EXPECT_LE(largest_difference(found, stream.forward(x)), 1e-5) << "scaling " << i;
  }
}

TEST_F(CudaStream, GoesBackToASnapshot) {
  const AdaptedModel model = adapted(on_device(), "ema");
  Stream stream = model.stream();
  stream.forward(images(0).cuda());
  const Snapshot now = stream.snapshot();
  const at::Tensor x = images(1).cuda();
  const at::Tensor want = stream.forward(x);
  stream.rollback(now);
  EXPECT_LE(largest_difference(stream.forward(x), want), 1e-6);
}

}  // namespace
}  // namespace ttscale
