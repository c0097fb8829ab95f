// SPDX-License-Identifier: MIT
// Calibration: the moments it measures against slow ones, and what it refuses.
#include "ttscale/calibrate.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "adapt/calibrated.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::at_path;
using testing::clean_images;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::measured;
using testing::message;
using testing::names_of;
using testing::run;

double largest_error(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs() / b.abs().clamp_min(1e-3)).max().item<double>();
}

class CalibrationTest : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(21); }
};

/// Mean over images of their means, biased variance of all pixels, standard error of the mean over the spread.
void expect_moments(const ReferenceSite& site, const at::Tensor& features) {
  const at::Tensor rows = features.to(at::kDouble).flatten(2);  // [N, C, pixels]
  const auto n = static_cast<double>(rows.size(0));
  std::vector<double> errors;
  for (std::int64_t c = 0; c < rows.size(1); ++c) {
    const at::Tensor values = rows.select(1, c);
    const double mean = values.mean().item<double>();
    const double var = (values - mean).square().mean().item<double>();
    EXPECT_NEAR(site.mean[c].item<double>(), mean, 1e-5 * std::sqrt(var)) << site.name;
    EXPECT_NEAR(site.var[c].item<double>(), var, 1e-5 * var) << site.name;
    EXPECT_NEAR(site.eps[c].item<double>(), 1e-5 * var, 1e-9 * var) << site.name;
    const at::Tensor means = values.mean(1);
    errors.push_back(std::sqrt((means - mean).square().sum().item<double>() / (n - 1) / n) / std::sqrt(var));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_NEAR(site.uncertainty, errors[(errors.size() - 1) / 2], 1e-4) << site.name;
}

TEST_F(CalibrationTest, FeaturesOfAFoldedModelAreTheOutputsOfTheBatchNormBeforeFolding) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = clean_images(20);
  const auto net = load_archive("net.scripted");
  const at::Tensor first = run(at_path(net, {"stem", "1"}), run(at_path(net, {"stem", "0"}), x));
  const at::Tensor second = run(at_path(net, {"bn2"}), run(at_path(net, {"conv2"}), at::relu(first)));
  for (const char* name : {"net.folded", "net.scripted"}) {
    const Reference reference = measured(load_archive(name), x);
    ASSERT_EQ(reference.sites.size(), 2U) << name;
    expect_moments(reference.sites[0], first);
    expect_moments(reference.sites[1], second);
    EXPECT_EQ(reference.images, 20);
    EXPECT_TRUE(reference.preprocessing.empty());
  }
  EXPECT_THAT(names_of(measured(load_archive("net.folded"), x)), ElementsAre("convolution_0", "convolution_1"));
  EXPECT_THAT(names_of(measured(load_archive("net.scripted"), x)), ElementsAre("stem.1", "bn2"));
}

TEST_F(CalibrationTest, TheInputIsMeasuredToo) {
  const at::Tensor x = clean_images(20);
  const Reference reference = measured(load_archive("net.folded"), x, 3);
  const at::Tensor channels = x.to(at::kDouble).transpose(0, 1).flatten(1);
  EXPECT_TRUE(reference.input_mean.allclose(channels.mean(1), 1e-6, 1e-7));
  EXPECT_TRUE(reference.input_var.allclose(channels.var(1, false), 1e-6, 1e-7));
}

TEST_F(CalibrationTest, TheResultDoesNotDependOnHowImagesAreBatchedNorOnTheirOrder) {
  const at::Tensor x = clean_images(23);
  for (const char* name : {"net.folded", "net.scripted", "blocks.folded", "mixed.folded", "tokens"}) {
    const auto module = load_archive(name);
    const Reference whole = measured(module, x, 23);
    for (const Reference& other : {measured(module, x, 1), measured(module, x, 7), measured(module, x.flip(0), 7)}) {
      ASSERT_EQ(names_of(other), names_of(whole));
      for (std::size_t i = 0; i < whole.sites.size(); ++i) {
        // Only the float32 arithmetic of the layers themselves may depend on the batch.
        const at::Tensor spread = whole.sites[i].var.sqrt().clamp_min(1e-6);  // a dead channel has none
        EXPECT_LE(((other.sites[i].mean - whole.sites[i].mean).abs() / spread).max().item<double>(), 1e-6) << name;
        EXPECT_LE(largest_error(other.sites[i].var, whole.sites[i].var), 1e-6) << name;
      }
      EXPECT_LE(largest_error(other.input_mean, whole.input_mean), 1e-12);
      EXPECT_EQ(other.images, 23);
    }
  }
}

TEST_F(CalibrationTest, ImagesOfDifferentSizesCountAlike) {
  const at::Tensor small = clean_images(6);
  const at::Tensor large = clean_images(2, {16, 20}) + 3;
  Calibration calibration(load_archive("net.folded"));
  calibration.add(small);
  calibration.add(large);
  const Reference reference = calibration.result();
  EXPECT_EQ(reference.images, 8);
  const at::Tensor means = at::cat({small.flatten(2).mean(2), large.flatten(2).mean(2)}).to(at::kDouble);
  EXPECT_TRUE(reference.input_mean.allclose(means.mean(0), 1e-5, 1e-6));
}

TEST_F(CalibrationTest, ModesOfTheCallerDoNotMatter) {
  const at::Tensor x = clean_images(8);
  const Reference plain = measured(load_archive("mixed.folded"), x, 4);
  std::unique_ptr<Calibration> mixed;
  {
    const c10::InferenceMode guard;
    mixed = std::make_unique<Calibration>(load_archive("mixed.folded"));
    mixed->add(x.narrow(0, 0, 4));
  }
  mixed->add(x.narrow(0, 4, 4).clone().requires_grad_());
  const Reference reference = mixed->result();
  for (std::size_t i = 0; i < plain.sites.size(); ++i) {
    EXPECT_TRUE(reference.sites[i].mean.equal(plain.sites[i].mean));
    EXPECT_TRUE(reference.sites[i].var.equal(plain.sites[i].var));
    EXPECT_FALSE(reference.sites[i].mean.requires_grad());
  }
}

TEST_F(CalibrationTest, TakesBatchesFromAFunctionToo) {
  const at::Tensor x = clean_images(10);
  std::vector<at::Tensor> rest = x.split(4);
  const Reference reference = calibrate(load_archive("net.folded"),
                                        [&]() -> std::optional<at::Tensor> {
                                          if (rest.empty()) {
                                            return std::nullopt;
                                          }
                                          at::Tensor next = rest.front();
                                          rest.erase(rest.begin());
                                          return next;
                                        },
                                        {"convolution_1"});
  EXPECT_THAT(names_of(reference), ElementsAre("convolution_1"));
  EXPECT_TRUE(reference.sites[0].mean.equal(measured(load_archive("net.folded"), x, 4).sites[1].mean));
}

TEST_F(CalibrationTest, LeavesTheCallersModuleAlone) {
  const auto module = load_archive("mixed.folded");
  const std::string before = module.get_method("forward").graph()->toString();
  measured(module, clean_images(4));
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
  EXPECT_TRUE(module.named_attributes(false).size() == load_archive("mixed.folded").named_attributes(false).size());
}

// --- which sites -----------------------------------------------------------------------------------------------------

TEST_F(CalibrationTest, WatchesBatchNormLayersAndChosenFeatureSitesInOrderOfExecution) {
  EXPECT_THAT(names_of(Calibration(load_archive("mixed.folded")).sites()),
              ElementsAre("convolution_0", "batch_norm_0", "convolution_1"));
  EXPECT_THAT(names_of(Calibration(load_archive("blocks.folded")).sites()),
              ElementsAre("convolution_0", "convolution_1", "convolution_2", "convolution_5", "convolution_6",
                          "convolution_7"));
  EXPECT_THAT(names_of(Calibration(load_archive("tokens")).sites()), ElementsAre("features"));
  EXPECT_THAT(names_of(Calibration(load_archive("forked-convolution")).sites()), ElementsAre("outer"));
}

TEST_F(CalibrationTest, PatternsSelectByNameAndKind) {
  const auto module = load_archive("mixed.folded");
  const auto sites = [&](const std::vector<std::string>& patterns) {
    return names_of(Calibration(module, patterns).sites());
  };
  EXPECT_THAT(sites({"convolution"}), ElementsAre("convolution_0", "convolution_1"));
  EXPECT_THAT(sites({"batch_norm"}), ElementsAre("batch_norm_0"));
  EXPECT_THAT(sites({"features"}), ElementsAre("features"));
  EXPECT_THAT(sites({"*_0"}), ElementsAre("convolution_0", "batch_norm_0"));
  EXPECT_THAT(sites({"*"}), ElementsAre("convolution_0", "batch_norm_0", "convolution_1", "features"));
  // A pattern also takes what is not chosen by itself.
  EXPECT_THAT(names_of(Calibration(load_archive("blocks.folded"), {"convolution_8"}).sites()),
              ElementsAre("convolution_8"));
}

TEST_F(CalibrationTest, PatternsThatSelectNothingAreErrors) {
  EXPECT_THAT(message<UsageError>([] {
                Calibration(load_archive("mixed.folded"), {"convolution_0", "layer9"});
              }),
              AllOf(HasSubstr("feature pattern 'layer9'"), HasSubstr("ttscale inspect")));
  // The convolution in the fork is there, but cannot be reached.
  EXPECT_THAT(message<UsageError>([] {
                Calibration(load_archive("forked-convolution"), {"convolution_0", "inner"});
              }),
              HasSubstr("can be calibrated"));
}

TEST_F(CalibrationTest, RefusesModelsWithNothingToWatch) {
  EXPECT_THAT(message<ModelError>([] { Calibration calibration(load_archive("bare")); }),
              HasSubstr("found no normalisation layer"));
  EXPECT_THAT(message<ModelError>([] { Calibration calibration(load_archive("two-inputs")); }),
              HasSubstr("one image tensor"));
  EXPECT_THAT(message<ModelError>([] { Calibration calibration(load_archive("no-forward")); }), HasSubstr("forward"));
  EXPECT_THAT(message<ModelError>([] { Calibration calibration(load_archive("quantized")); }),
              HasSubstr("bring the float model"));
}

// --- which images ----------------------------------------------------------------------------------------------------

TEST_F(CalibrationTest, FewerThanTwoImagesAreTooFew) {
  Calibration calibration(load_archive("net.folded"));
  EXPECT_THAT(message<DataError>([&] { (void)calibration.result(); }), HasSubstr("at least two images, found 0"));
  calibration.add(clean_images(1));
  EXPECT_THAT(message<DataError>([&] { (void)calibration.result(); }), HasSubstr("at least two images, found 1"));
  calibration.add(clean_images(1));
  EXPECT_EQ(calibration.result().images, 2);
}

TEST_F(CalibrationTest, WhatIsRefusedLeavesTheSumsAlone) {
  const at::Tensor x = clean_images(6);
  Calibration calibration(load_archive("net.folded"));
  calibration.add(x);
  const Reference before = calibration.result();
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    at::Tensor bad = x.clone();
    bad[2][1][3][3] = poison;
    EXPECT_THAT(message<DataError>([&] { calibration.add(bad); }), HasSubstr("NaN or Inf"));
  }
  EXPECT_THAT(message<DataError>([&] {
                calibration.add(at::ones({2, 3, 8, 8}, at::kByte));
              }),
              HasSubstr("floating-point images"));
  EXPECT_THAT(message<DataError>([&] { calibration.add(at::ones({3})); }), HasSubstr("[3]"));
  EXPECT_THAT(message<DataError>([&] { calibration.add(x.narrow(0, 0, 0)); }), HasSubstr("[0, 3, 8, 8]"));
  EXPECT_THAT(message<DataError>([&] {
                calibration.add(at::ones({2, 1, 8, 8}));
              }),
              AllOf(HasSubstr("3 channels as before"), HasSubstr("[2, 1, 8, 8]")));
  const Reference after = calibration.result();
  EXPECT_EQ(after.images, 6);
  for (std::size_t i = 0; i < before.sites.size(); ++i) {
    EXPECT_TRUE(after.sites[i].mean.equal(before.sites[i].mean));
    EXPECT_TRUE(after.sites[i].var.equal(before.sites[i].var));
  }
  EXPECT_TRUE(after.input_mean.equal(before.input_mean));
}

TEST_F(CalibrationTest, AModelThatFailsHalfwayKeepsWhatWasAddedBefore) {
  // Its site has run when the forward fails.
  Calibration calibration(load_archive("broken"));
  calibration.add(clean_images(4));
  const Reference before = calibration.result();
  EXPECT_THAT(message<ModelError>([&] { calibration.add(clean_images(3) + 100); }),
              HasSubstr("three images are too many"));
  const Reference after = calibration.result();
  EXPECT_EQ(after.images, 4);
  EXPECT_TRUE(after.sites[0].mean.equal(before.sites[0].mean));
  EXPECT_TRUE(after.input_mean.equal(before.input_mean));
  calibration.add(clean_images(2));
  EXPECT_EQ(calibration.result().images, 6);
}

TEST_F(CalibrationTest, ModelsThatDoNotTakeTheImagesAreModelErrors) {
  Calibration calibration(load_archive("net.folded"));
  EXPECT_THAT(message<ModelError>([&] { calibration.add(at::ones({2, 1, 8, 8})); }), HasSubstr("[2, 1, 8, 8]"));
}

TEST_F(CalibrationTest, ABranchThatNoImageReachesIsNamed) {
  Calibration calibration(load_archive("branches-convolution"));
  calibration.add(clean_images(4));
  EXPECT_THAT(message<ModelError>([&] { (void)calibration.result(); }),
              AllOf(HasSubstr("no image has reached large"), HasSubstr("--features")));
  // Now every branch has seen some images, and none all.
  calibration.add(clean_images(4, {20, 20}));
  EXPECT_THAT(message<ModelError>([&] { (void)calibration.result(); }),
              AllOf(HasSubstr("large"), HasSubstr("some images do not reach it")));
}

TEST_F(CalibrationTest, ALoopShowsItsSiteEveryPass) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = clean_images(5);
  const auto module = load_archive("branches-convolution");
  const Reference reference = measured(module, x, 5, {"small", "again"});
  const at::Tensor small = run(at_path(module, {"small"}), x);
  const at::Tensor first = run(at_path(module, {"again"}), small);
  const at::Tensor second = run(at_path(module, {"again"}), at::relu(first));
  ASSERT_THAT(names_of(reference), ElementsAre("small", "again"));
  expect_moments(reference.sites[0], small);
  const at::Tensor rows = at::cat({first, second}).to(at::kDouble).transpose(0, 1).flatten(1);
  EXPECT_TRUE(reference.sites[1].mean.allclose(rows.mean(1), 1e-5, 1e-6));
  EXPECT_TRUE(reference.sites[1].var.allclose(rows.var(1, false), 1e-5, 1e-6));
}

TEST_F(CalibrationTest, FeaturesThatAreNotFiniteAreNamed) {
  const auto module = load_archive("mixed");
  {
    const at::NoGradGuard no_grad;
    at_path(module, {"conv", "0"}).attr("weight").toTensor().fill_(std::numeric_limits<double>::quiet_NaN());
  }
  Calibration calibration(module);
  calibration.add(clean_images(4));
  EXPECT_THAT(message<ModelError>([&] { (void)calibration.result(); }),
              AllOf(HasSubstr("conv.1"), HasSubstr("NaN or Inf")));
}

}  // namespace
}  // namespace ttscale
