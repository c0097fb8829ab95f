// SPDX-License-Identifier: MIT
// Any layer by name or kind as a site: its output comes back to the moments of the calibration images, whatever its
// channel dimension, and bakes.
#include <gmock/gmock.h>

#include <sstream>

#include <torch/script.h>

#include "adapt/calibrated.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::measured;
using testing::message;
using testing::names_of;
using testing::run;
using testing::with;

torch::jit::Module module_of(const std::string& body) {
  torch::jit::Module module("m");
  module.register_buffer("weight", at::arange(1, 13, at::kFloat).view({3, 4}) / 10);
  module.define("def forward(self, x):\n" + body);
  return module;
}

struct Layer {
  const char* kind;
  const char* body;               // of forward, the layer last
  std::vector<std::int64_t> sum;  // dimensions over which a channel's moments run
  bool tokens;                    // x is [N, T, 4], else [N, 4, H, W]
};

void PrintTo(const Layer& layer, std::ostream* out) { *out << layer.kind; }

class AnyLayer : public ::testing::TestWithParam<Layer> {
 protected:
  void SetUp() override { at::manual_seed(31); }
  static at::Tensor images(double scale) {
    const std::vector<std::int64_t> shape =
        GetParam().tokens ? std::vector<std::int64_t>{9, 5, 4} : std::vector<std::int64_t>{9, 4, 6, 6};
    return at::randn(shape) * scale + scale / 3;
  }
};

TEST_P(AnyLayer, ComesBackToItsReference) {
  const auto module = module_of(GetParam().body);
  const at::Tensor clean = images(1);
  const Reference reference = measured(module, clean, 4, {GetParam().kind});
  ASSERT_EQ(reference.sites.size(), 1U);
  const at::Tensor expected = run(module, clean).to(at::kDouble);
  EXPECT_TRUE(reference.sites[0].mean.allclose(expected.mean(GetParam().sum), 1e-5, 1e-6));
  EXPECT_TRUE(reference.sites[0].var.allclose(expected.var(GetParam().sum, false), 1e-5, 1e-6));

  const at::Tensor shifted = images(3) + 0.5;
  const AdaptedModel model = adapt(module, with("batch", reference));
  Stream source = model.stream(rule::Source{});
  Stream batch = model.stream();
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_TRUE(source.forward(shifted).equal(run(module, shifted)));
    const at::Tensor y = batch.forward(shifted).to(at::kDouble);
    EXPECT_TRUE(y.mean(GetParam().sum).allclose(reference.sites[0].mean, 1e-4, 1e-5));
    EXPECT_TRUE(y.var(GetParam().sum, false).allclose(reference.sites[0].var, 1e-3, 1e-5));
  }
}

TEST_P(AnyLayer, Bakes) {
  const auto module = module_of(GetParam().body);
  Stream stream =
      adapt(module, with("ema:order=use-update", measured(module, images(1), 4, {GetParam().kind}))).stream();
  stream.forward(images(3) + 0.5);
  const Snapshot now = stream.snapshot();
  const at::Tensor x = images(2);
  const at::Tensor expected = stream.forward(x);
  stream.rollback(now);
  std::stringstream bytes;
  bake(stream).save(bytes);
  const at::Tensor found = run(torch::jit::load(bytes), x);
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-5 * expected.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(
    Layers, AnyLayer,
    ::testing::Values(Layer{"relu", "  return torch.relu(x)\n", {0, 2, 3}, false},
                      Layer{"add", "  return torch.sigmoid(x) + x\n", {0, 2, 3}, false},
                      Layer{"cat", "  return torch.cat([x, -x], 1)\n", {0, 2, 3}, false},
                      Layer{"max_pool2d", "  return torch.max_pool2d(x, [2, 2])\n", {0, 2, 3}, false},
                      Layer{"mean", "  return x.mean([2, 3])\n", {0}, false},
                      Layer{"layer_norm", "  return torch.layer_norm(x, [4])\n", {0, 1}, true},
                      Layer{"linear", "  return torch.linear(x, self.weight)\n", {0, 1}, true}),
    [](const auto& one) { return std::string(one.param.kind); });

TEST(AnyLayerNames, ThatDoNotExistAreAnsweredWithTheKindsThatDo) {
  const auto module = module_of("  return torch.relu(x) + 1.0\n");
  EXPECT_THAT(message<UsageError>([&] { Calibration(module, {"softmax"}); }), HasSubstr("(add, relu)"));
}

TEST(AnyLayerNames, NumberTheCalls) {
  const auto module = module_of("  return torch.relu(torch.relu(x) - 1.0)\n");
  EXPECT_THAT(names_of(measured(module, at::randn({4, 2, 3, 3}), 4, {"relu"})), ElementsAre("relu_0", "relu_1"));
  EXPECT_THAT(names_of(measured(module, at::randn({4, 2, 3, 3}), 4, {"relu_1"})), ElementsAre("relu_1"));
}

TEST(AnyLayerNames, TheBatchCounterOfATrainingTraceIsNoLayer) {
  const auto module = testing::load_archive("traced-in-training");
  EXPECT_THAT(message<UsageError>([&] { Calibration(module, {"add"}); }), HasSubstr("matches no layer"));
}

}  // namespace
}  // namespace ttscale
