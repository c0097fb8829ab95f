// SPDX-License-Identifier: MIT
// Archives of optimize_for_mobile: their packed operators become ordinary layers, and adapt as folded ones do.
#include <gmock/gmock.h>

#include <sstream>

#include <ATen/core/dispatch/Dispatcher.h>

#include "adapt/calibrated.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"
#include "ttscale/inspect.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::measured;
using testing::names_of;
using testing::run;
using testing::with;

/// mobile.optimized is what optimize_for_mobile made of mobile.
class Mobile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!c10::Dispatcher::singleton().findSchema({"prepacked::conv2d_clamp_run", ""})) {
      GTEST_SKIP() << "this LibTorch is built without XNNPACK, so that it cannot load archives of optimize_for_mobile";
    }
    torch::manual_seed(3);
  }

  at::Tensor x_ = golden("mobile", "input");
};

TEST_F(Mobile, ConvolutionsAreSitesAheadOfTheirActivation) {
  const Inspection found = inspect(load_archive("mobile.optimized"));
  EXPECT_THAT(names_of(found.features),
              ElementsAre("convolution_0", "convolution_1", "convolution_2", "convolution_3", "features"));
  EXPECT_EQ(found.chosen(), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(found.features[i].channels, 4) << i;
    EXPECT_THAT(found.features[i].note, HasSubstr("as a folded BatchNorm leaves it")) << i;
  }
  EXPECT_THAT(found.summary, AllOf(HasSubstr("found 4 convolutions with a bias, as a folded BatchNorm leaves it"),
                                   HasSubstr("6 mobile operators unpacked into ordinary layers")));
  EXPECT_EQ(found.operators.at("unpacked mobile operator"), 6);
  EXPECT_EQ(found.operators.count("packed mobile operator"), 0U);
}

TEST_F(Mobile, InspectingLeavesTheModuleAlone) {
  const auto module = load_archive("mobile.optimized");
  const std::string before = module.get_method("forward").graph()->toString();
  inspect(module);
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

TEST_F(Mobile, SourceGivesWhatThePackedModelGives) {
  const auto module = load_archive("mobile.optimized");
  Stream stream = adapt(module, with("source", measured(module, x_))).stream();
  for (int pass = 0; pass < 3; ++pass) {  // the executor profiles, then optimises
    EXPECT_TRUE(stream.forward(x_).allclose(run(module, x_), 1e-5, 1e-6)) << pass;
    EXPECT_TRUE(stream.forward(x_).allclose(golden("mobile", "source"), 1e-5, 1e-6)) << pass;
  }
}

TEST_F(Mobile, WithTheUnfoldedTwinBatchIsBatchNormInTrainingMode) {
  const auto module = load_archive("mobile.optimized");
  const Reference reference = reference_from_twin(module, load_archive("mobile"));
  EXPECT_THAT(names_of(reference), ElementsAre("convolution_0", "convolution_1", "convolution_2"));
  Stream stream = adapt(module, with("batch", reference)).stream();
  EXPECT_TRUE(stream.forward(x_).allclose(golden("mobile", "batch"), 1e-4, 1e-5));
  EXPECT_FALSE(golden("mobile", "batch").allclose(golden("mobile", "source"), 1e-2, 1e-2)) << "or this shows nothing";
}

TEST_F(Mobile, AReferenceBelongsToTheWeights) {
  const auto module = load_archive("mobile.optimized");
  Reference reference = measured(module, x_);
  EXPECT_NO_THROW(adapt(module, with("batch", reference)));
  reference.model = measured(load_archive("net.folded"), x_).model;
  EXPECT_THROW(adapt(module, with("batch", reference)), ModelError);
}

TEST_F(Mobile, BakedIsAnOrdinaryArchive) {
  const auto module = load_archive("mobile.optimized");
  Stream stream = adapt(module, with("ema:momentum=0.8,order=use-update", measured(module, x_))).stream();
  stream.forward(x_ * 5 - 3);
  stream.forward(x_ * 4 + 2);
  std::stringstream bytes;
  bake(stream).save(bytes);
  const auto baked = torch::jit::load(bytes);
  const std::string graph = baked.get_method("forward").graph()->toString();
  EXPECT_EQ(graph.find("prepacked"), std::string::npos);
  EXPECT_EQ(graph.find("xnnpack"), std::string::npos) << "no weights twice";
  EXPECT_EQ(graph.find("batch_norm"), std::string::npos) << "the transposed convolution takes scale and shift as well";
  const at::Tensor frozen = stream.forward(x_);
  EXPECT_TRUE(run(baked, x_).allclose(frozen, 1e-5, 1e-5));
  EXPECT_GT((run(module, x_) - frozen).abs().max().item<double>(), 1e-3) << "or this shows nothing";
}

TEST_F(Mobile, ActivationsCanBeAskedForByKind) {
  const Reference reference = measured(load_archive("mobile.optimized"), x_, 16, {"relu", "hardtanh", "linear"});
  EXPECT_THAT(names_of(reference), ElementsAre("relu_0", "hardtanh_0", "relu_1", "linear_0", "relu_2", "linear_1"));
}

}  // namespace
}  // namespace ttscale
