// SPDX-License-Identifier: MIT
// Streams that become modules: fixed without our operators, or still adapting.
#include "ttscale/bake.h"

#include <gmock/gmock.h>

#include <limits>
#include <sstream>
#include <string>

#include <torch/script.h>

#include "adapt/calibrated.h"
#include "adapt/with_rule.h"
#include "archives.h"
#include "ttscale/calibrate.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using testing::exactly;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::measured;
using testing::with;

/// What the module is after it was written and read: only what an archive keeps counts.
torch::jit::Module travelled(const torch::jit::Module& module) {
  std::stringstream bytes;
  module.save(bytes);
  return torch::jit::load(bytes);
}

at::Tensor run(torch::jit::Module module, const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  module.forward({x});
  module.forward({x});  // the executor has optimised now
  return module.forward({x}).toTensor();
}

/// A stream that has met three batches, and what it gives for x with its statistics as they are. use-update normalises
/// with the statistics before the batch.
struct Adapted {
  Stream stream;
  at::Tensor frozen;
};

Adapted after_three_batches(const torch::jit::Module& module, const AdaptOptions& options, const at::Tensor& x) {
  torch::manual_seed(7);
  Stream stream = adapt(module, options).stream();
  for (int batch = 0; batch < 3; ++batch) {
    stream.forward(at::randn_like(x) * 1.5 + 0.5);
  }
  const Snapshot now = stream.snapshot();
  at::Tensor frozen = stream.forward(x);
  stream.rollback(now);
  return {std::move(stream), std::move(frozen)};
}

Adapted after_three_batches(const std::string& name, const AdaptOptions& options, const at::Tensor& x) {
  return after_three_batches(load_archive(name), options, x);
}

bool mentions_ttscale(const torch::jit::Module& module) {
  for (const auto& attribute : module.named_attributes(/*recurse=*/false)) {
    if (attribute.name.find("ttscale") != std::string::npos) {
      return true;
    }
  }
  return module.get_method("forward").graph()->toString().find("ttscale") != std::string::npos;
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& name) {
  const double size = expected.abs().max().item<double>();
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-5 * size) << name;
}

class Baked : public ::testing::TestWithParam<const char*> {};

TEST_P(Baked, BakedEqualsTheStreamFrozenAtThatPoint) {
  const at::Tensor x = golden(GetParam(), "input");
  for (const char* rule : {"ema:order=use-update", "cumulative:order=use-update,mixing=total,eps=0.01",
                           "ema:order=use-update,part=mean", "dua:order=use-update,part=variance", "tbr"}) {
    const Adapted adapted = after_three_batches(GetParam(), with(rule), x);
    const torch::jit::Module baked = bake(adapted.stream);
    EXPECT_FALSE(mentions_ttscale(baked)) << rule;
    expect_close(run(baked, x), adapted.frozen, rule);
    expect_close(run(travelled(baked), x), adapted.frozen, rule);
  }
}

TEST_P(Baked, BakedReferencesAreFoldedIntoTheLayer) {
  const at::Tensor x = golden(GetParam(), "input");
  AdaptOptions options = with("ema:order=use-update");
  Calibration calibration(load_archive(GetParam()));
  calibration.add(x);
  options.reference = calibration.result();
  const Adapted adapted = after_three_batches(GetParam(), options, x);
  const torch::jit::Module baked = travelled(bake(adapted.stream));
  EXPECT_FALSE(mentions_ttscale(baked));
  expect_close(run(baked, x), adapted.frozen, GetParam());
}

TEST_P(Baked, OnlineGoesOnWhereTheStreamIs) {
  const at::Tensor x = golden(GetParam(), "input");
  Adapted adapted = after_three_batches(GetParam(), exactly("ema"), x);
  torch::jit::Module module = travelled(online(adapted.stream));
  const at::NoGradGuard no_grad;
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor images = x + batch;
    EXPECT_TRUE(module.forward({images}).toTensor().equal(adapted.stream.forward(images))) << batch;
  }
}

INSTANTIATE_TEST_SUITE_P(Archives, Baked,
                         ::testing::Values("net.scripted", "net.traced", "net.frozen", "net.pooled", "net.plain",
                                           "net1d", "net3d", "features", "shared"));

TEST(Bake, FoldedConvolutionsTakeScaleAndShift) {
  const at::Tensor x = golden("net.scripted", "input");
  AdaptOptions options = with("ema:order=use-update");
  options.reference = reference_from_twin(load_archive("net.folded"), load_archive("net.scripted"));
  const Adapted adapted = after_three_batches("net.folded", options, x);
  const torch::jit::Module baked = travelled(bake(adapted.stream));
  EXPECT_FALSE(mentions_ttscale(baked));
  EXPECT_EQ(baked.get_method("forward").graph()->toString().find("batch_norm"), std::string::npos)
      << "folding must not add operators";
  expect_close(run(baked, x), adapted.frozen, "net.folded");
}

/// A layer that reads its statistics as a scripted nn.BatchNorm2d does, and a model that calls it.
torch::jit::Module scripted(const std::string& methods) {
  torch::jit::Module module("Scripted");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(R"(
def norm(self, x: Tensor) -> Tensor:
    mean = self.mean if not self.training else None
    var = self.var if not self.training else None
    return torch.batch_norm(x, None, None, mean, var, self.training, 0.1, 1e-5, False)
)" + methods);
  return module;
}

at::Tensor some_images() {
  torch::manual_seed(21);
  return at::randn({6, 3, 4, 4}) * 2 + 1;
}

TEST(Bake, WritesIntoTheBuffersOfALayerThatIsCalledOnce) {
  const at::Tensor x = some_images();
  const torch::jit::Module module = scripted("def forward(self, x):\n    return self.norm(x).mean([2, 3])\n");
  const Adapted adapted = after_three_batches(module, with("ema:order=use-update"), x);
  const torch::jit::Module baked = travelled(bake(adapted.stream));
  expect_close(run(baked, x), adapted.frozen, "once");
  EXPECT_FALSE(baked.attr("mean").toTensor().equal(at::zeros({3})));
}

TEST(Bake, LeavesACallOfTheLayerThatIsNotAdaptedAlone) {
  const at::Tensor x = some_images();
  const torch::jit::Module module = scripted(R"(
def forward(self, x):
    first = self.norm(x)
    return first.mean([2, 3]) + self.norm(first * 2.0 + 1.0).mean([2, 3])
)");
  for (const char* layer : {"batch_norm_0", "batch_norm_1"}) {
    AdaptOptions options = with("ema:order=use-update");
    options.layers = {layer};
    const Adapted adapted = after_three_batches(module, options, x);
    const torch::jit::Module baked = travelled(bake(adapted.stream));
    expect_close(run(baked, x), adapted.frozen, layer);
    EXPECT_TRUE(baked.attr("mean").toTensor().equal(at::zeros({3}))) << layer;
  }
}

TEST(Bake, LeavesOtherMethodsOfTheModelAlone) {
  const at::Tensor x = some_images();
  const torch::jit::Module module = scripted(R"(
def forward(self, x):
    return self.norm(x).mean([2, 3])
def features(self, x):
    return self.norm(x) * 2.0
)");
  const Adapted adapted = after_three_batches(module, with("ema:order=use-update"), x);
  const torch::jit::Module baked = travelled(bake(adapted.stream));
  expect_close(run(baked, x), adapted.frozen, "forward");
  EXPECT_TRUE(baked.get_method("features")({x}).toTensor().equal(module.get_method("features")({x}).toTensor()));
}

TEST(Bake, SaysWhyNothingWasCounted) {
  const at::Tensor x = some_images();
  const torch::jit::Module module =
      scripted("def forward(self, x):\n    return self.norm(self.norm(x)).mean([2, 3])\n");
  const auto refusal = [&](const at::Tensor& images) {
    Stream stream = adapt(module, with("ema")).stream();
    stream.forward(images);
    try {
      bake(stream);
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal(x * std::numeric_limits<double>::quiet_NaN()), HasSubstr("look at the images"));
  for (const double bad : {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    module.attr("var").toTensor()[1] = bad;
    EXPECT_THAT(refusal(x), HasSubstr("batch_norm_0 has a stored variance below 0")) << bad;
  }
}

TEST(Bake, WritesConstantsInThePrecisionOfTheModel) {
  torch::manual_seed(22);
  torch::jit::Module module("Double");
  module.register_buffer("weight", at::rand({3, 3}, at::kDouble));
  module.define("def forward(self, x):\n  return torch.matmul(torch.relu(x).mean([2, 3]), self.weight)\n");
  const at::Tensor x = at::randn({6, 3, 4, 4}, at::kDouble);
  AdaptOptions options = with("ema:order=use-update");
  options.reference = measured(module, x, 3, {"relu"});
  const Adapted adapted = after_three_batches(module, options, x);
  const at::Tensor found = run(travelled(bake(adapted.stream)), x);
  EXPECT_EQ(found.scalar_type(), at::kDouble);
  EXPECT_TRUE(found.allclose(adapted.frozen, 1e-12, 1e-12)) << (found - adapted.frozen).abs().max().item<double>();
}

TEST(Bake, LeavesStreamAndModelAlone) {
  const at::Tensor x = golden("net.scripted", "input");
  const auto module = load_archive("net.scripted");
  const at::Tensor before = run(module.clone(), x);
  Stream stream = adapt(module, with("ema")).stream();
  stream.forward(x * 2);
  const Snapshot now = stream.snapshot();
  const at::Tensor expected = stream.forward(x);
  stream.rollback(now);
  run(bake(stream), x);
  run(online(stream), x);
  EXPECT_TRUE(stream.forward(x).equal(expected));
  EXPECT_TRUE(run(module, x).equal(before));
}

TEST(Bake, SourceIsTheModelAsItWas) {
  const at::Tensor x = golden("net.scripted", "input");
  expect_close(run(bake(adapt(load_archive("net.scripted"), with("source")).stream()), x),
               golden("net.scripted", "source"), "source");
}

TEST(Bake, RefusesWhatHasNoStatistics) {
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("batch"));
  const auto refusal = [](const Stream& stream) {
    try {
      bake(stream);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal(model.stream()), HasSubstr("a rule that remembers: auto, cumulative, ema"));
  EXPECT_THAT(refusal(model.stream(rule::Ema{})), HasSubstr("has seen no images"));
}

TEST(Bake, InputScalingBecomesOrdinaryOperators) {
  torch::manual_seed(11);
  at::Tensor x = golden("net.scripted", "input") * 3 + 1;
  at::Tensor odd = x.clone();  // one image is constant, one holds NaN
  odd[0].fill_(0.25);
  odd[1][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  for (const char* text : {"standardize:scope=batch", "standardize:scope=image", "standardize:scope=channel", "min-max",
                           "min-max:low=-1,high=2,scope=batch,lower-quantile=0.01,upper-quantile=0.97",
                           "min-max:scope=channel,upper-quantile=0.5"}) {
    AdaptOptions options = with("source");
    options.input = parse_input_scaling(text);
    if (auto* standardize = std::get_if<Standardize>(&options.input)) {
      *standardize = {{0.1, 0.2, 0.3}, {1.5, 0.7, 1.0}, standardize->scope};
    } else if (auto* min_max = std::get_if<MinMax>(&options.input); min_max->upper_quantile == 0.5) {
      min_max->mean = {0.1, 0.2, 0.3};
      min_max->std = {1.5, 0.7, 1.0};
    }
    Stream stream = adapt(load_archive("net.scripted"), options).stream();
    const torch::jit::Module module = travelled(bake(stream, {/*input=*/true}));
    EXPECT_FALSE(mentions_ttscale(module)) << text;
    EXPECT_TRUE(module.find_method("_ttscale_input") == c10::nullopt) << text;
    EXPECT_TRUE(run(module, x).allclose(stream.forward(x), 1e-5, 1e-6)) << text;
    EXPECT_TRUE(run(module, odd).allclose(stream.forward(odd), 1e-5, 1e-6, /*equal_nan=*/true)) << text;
    EXPECT_FALSE(run(module, x).allclose(run(bake(stream), x), 1e-2, 1e-2)) << text << ": scaling must matter here";
    EXPECT_TRUE(run(travelled(online(stream, {/*input=*/true})), x).allclose(stream.forward(x), 1e-5, 1e-6)) << text;
  }
}

}  // namespace
}  // namespace ttscale
