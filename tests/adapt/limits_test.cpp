// SPDX-License-Identifier: MIT
// Each warning once provoked, and once silent.
#include <gmock/gmock.h>

#include <torch/script.h>

#include "adapt/input_probe.h"
#include "adapt/limits.h"
#include "temp_folder.h"
#include "ttscale/adapter.h"

namespace ttscale {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kClasses = 6;

/// Class k is a colour: levels of red, green and blue that the last layer looks for in images of 0 to 1.
torch::jit::Module colours() {
  torch::jit::Module module("Colours");
  module.register_buffer("mean", at::full({3}, 0.5));
  module.register_buffer("var", at::full({3}, 0.09));
  // No two of them are each other's reverse.
  module.register_buffer("directions", at::tensor({1.0, -1.0, -1.0, 1.0, 0.2, -0.6, 1.0, -0.5, 0.3,  //
                                                   0.5, 1.0, -1.0, 1.0, 1.0, 0.2, 0.3, -1.0, -0.4})
                                           .to(at::kFloat)
                                           .view({kClasses, 3}));
  module.define(R"(
def forward(self, x):
    y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.0, 1e-5, False)
    seen = y.mean([2, 3])
    distance = (seen.unsqueeze(1) - self.directions.unsqueeze(0)).pow(2).sum(2)
    return -4.0 * distance
)");
  module.eval();
  return module;
}

at::Tensor images_of(const torch::jit::Module& module, std::int64_t n) {
  const at::Tensor labels = at::arange(n) % kClasses;
  const at::Tensor levels = 0.5 + 0.3 * module.attr("directions").toTensor().index_select(0, labels);
  return (levels.view({n, 3, 1, 1}) + 0.05 * at::randn({n, 3, 6, 6})).clamp(0, 1);
}

std::vector<std::string> warnings_for(const at::Tensor& images, const std::string& rule = "auto", int batches = 3) {
  AdaptOptions options;
  options.rule = parse_rule(rule);
  Stream stream = adapt(colours(), options).stream();
  for (int i = 0; i < batches; ++i) {
    stream.forward(images);
  }
  return stream.report().warnings;
}

class Limits : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(9); }
};

TEST_F(Limits, NothingIsSaidOfImagesAsTheyAreMeant) {
  EXPECT_THAT(warnings_for(images_of(colours(), 48)), IsEmpty());
  EXPECT_THAT(warnings_for(images_of(colours(), 48) * 0.7), IsEmpty()) << "a shift that adapting mends";
}

TEST_F(Limits, ChannelsInReverseOrder) {
  const auto found = warnings_for(images_of(colours(), 48).flip(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], HasSubstr("is BGR fed to a model of RGB"));
}

TEST_F(Limits, ValuesOfTheWrongRange) {
  auto found = warnings_for(images_of(colours(), 48) * 255);
  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found[0], HasSubstr("are values of 0 to 255 fed to a model of 0 to 1?"));
}

TEST_F(Limits, TheOtherWrongRange) {
  torch::jit::Module module = colours();
  module.register_buffer("unused", at::zeros({1}));
  module.attr("mean").toTensor().mul_(255);
  module.attr("var").toTensor().mul_(255 * 255);
  Stream stream = adapt(module, AdaptOptions{}).stream();
  stream.forward(images_of(module, 48));
  const auto found = stream.report().warnings;
  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found[0], HasSubstr("are values of 0 to 1 fed to a model of 0 to 255?"));
}

TEST_F(Limits, GrayImagesHaveNoOrder) {
  const at::Tensor gray = images_of(colours(), 48).mean(1, /*keepdim=*/true).expand({48, 3, 6, 6});
  for (const std::string& warning : warnings_for(gray)) {
    EXPECT_EQ(warning.find("BGR"), std::string::npos) << warning;
  }
}

TEST_F(Limits, WhatIsKnownOfTheInputIsPartOfAStreamsState) {
  AdaptedModel model = adapt(colours(), AdaptOptions{});
  Stream stream = model.stream();
  const Snapshot beginning = stream.snapshot();
  const at::Tensor images = images_of(colours(), 48).flip(1);
  stream.forward(images.narrow(0, 0, 12));
  const testing::TempFolder folder;
  stream.save(folder / "state");
  Stream other = model.stream();
  other.forward(images.narrow(0, 0, 12) * 255);  // is forgotten
  other.load(folder / "state");
  stream.forward(images.narrow(0, 12, 36));
  other.forward(images.narrow(0, 12, 36));
  const std::vector<std::string> found = stream.report().warnings;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(other.report().warnings, found) << "as if it had not been interrupted";
  stream.rollback(beginning);
  EXPECT_THAT(stream.report().warnings, IsEmpty());
}

TEST_F(Limits, NumbersThatNoProbeCanHaveAreRefused) {
  InputProbe probe;
  const at::Tensor none = probe.numbers();
  EXPECT_TRUE(probe.from_numbers(none));
  EXPECT_FALSE(probe.from_numbers(at::zeros({0}, at::kDouble)));
  EXPECT_FALSE(probe.from_numbers(none - 1));
  EXPECT_FALSE(probe.from_numbers(none + 1e300));
  EXPECT_FALSE(probe.from_numbers(at::cat({none, none})));  // more than it says
  const at::Tensor scores = at::randn({20, 4});
  probe.add("reversed", scores, scores * 2);
  const at::Tensor some = probe.numbers();
  InputProbe again;
  EXPECT_TRUE(again.from_numbers(some));
  EXPECT_TRUE(again.numbers().equal(some));
  EXPECT_FALSE(again.from_numbers(some.narrow(0, 0, some.numel() - 1)));
  EXPECT_TRUE(again.numbers().equal(some));
}

StreamReport report_of(std::int64_t images, std::int64_t batches) {
  StreamReport out;
  out.images = images;
  out.batches = batches;
  return out;
}

TEST_F(Limits, FewImages) {
  EXPECT_THAT(limits(report_of(15, 1), rule::Auto{}, {}), ::testing::ElementsAre(HasSubstr("rest on 15 images")));
  EXPECT_THAT(limits(report_of(16, 1), rule::Auto{}, {}), IsEmpty());
  EXPECT_THAT(limits(report_of(15, 1), rule::Source{}, {}), IsEmpty());
}

TEST_F(Limits, BatchesTooSmallForTheirOwnStatistics) {
  EXPECT_THAT(limits(report_of(90, 30), rule::Batch{}, {}), ::testing::ElementsAre(HasSubstr("batches of 3.0 images")));
  EXPECT_THAT(limits(report_of(120, 30), rule::Batch{}, {}), IsEmpty());
  EXPECT_THAT(limits(report_of(90, 90), rule::Ema{}, {}), IsEmpty());
}

TEST_F(Limits, PredictionsThatCollapse) {
  StreamReport report = report_of(100, 10);
  report.guard.classes = 10;
  report.guard.evidence.images = 40;
  report.guard.evidence.source_classes = 1.2;
  report.guard.evidence.adapted_classes = 1.1;
  EXPECT_THAT(limits(report, rule::Auto{}, {}), ::testing::ElementsAre(HasSubstr("too extreme")));
  report.guard.evidence.adapted_classes = 6;
  EXPECT_THAT(limits(report, rule::Auto{}, {}), IsEmpty()) << "adapting tells them apart";
  report.guard.evidence.adapted_classes = 1.1;
  report.guard.classes = 2;
  EXPECT_THAT(limits(report, rule::Auto{}, {}), IsEmpty()) << "two classes may well be one";
}

TEST_F(Limits, ModelsWithoutBatchNorm) {
  Site features;
  features.kind = "features";
  Site norm;
  norm.kind = "batch_norm";
  EXPECT_THAT(limits(report_of(100, 10), rule::Auto{}, {features}), ::testing::ElementsAre(HasSubstr("LayerNorm")));
  EXPECT_THAT(limits(report_of(100, 10), rule::Auto{}, {features, norm}), IsEmpty());
}

}  // namespace
}  // namespace ttscale
