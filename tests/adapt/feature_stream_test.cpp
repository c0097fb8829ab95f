// SPDX-License-Identifier: MIT
// Streams of models with a reference: against the untouched module, against the model before folding; snapshots.
#include <gmock/gmock.h>

#include <limits>
#include <sstream>

#include <torch/csrc/jit/api/module.h>

#include "adapt/calibrated.h"
#include "folder_test.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::at_path;
using testing::clean_images;
using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::measured;
using testing::message;
using testing::names_of;
using testing::run;
using testing::with;

/// Images of the shape that the archive takes.
at::Tensor images_for(const std::string& name, std::int64_t n) {
  if (name.rfind("net1d", 0) == 0) {
    return clean_images(n, {20});
  }
  return name.rfind("net3d", 0) == 0 ? clean_images(n, {4, 6, 6}) : clean_images(n);
}

/// In the archive with branches, images of 8 x 8 never reach one of them.
std::vector<std::string> features_for(const std::string& name) {
  return name == "branches-convolution" ? std::vector<std::string>{"small", "again"} : std::vector<std::string>{};
}

class CalibratedArchive : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { at::manual_seed(23); }
};

TEST_P(CalibratedArchive, SourceIsBitEqualToTheUntouchedModule) {
  const auto module = load_archive(GetParam());
  const at::Tensor x = images_for(GetParam(), 12);
  const AdaptedModel model = adapt(module, with("source", measured(module, x, 12, features_for(GetParam()))));
  Stream stream = model.stream();
  for (int pass = 0; pass < 3; ++pass) {  // the executor profiles, then optimises: every plan must agree
    EXPECT_TRUE(stream.forward(x * 2 + 1).equal(run(module, x * 2 + 1))) << pass;
  }
}

/// The reference is what the features of these images are: bringing them there changes nothing.
TEST_P(CalibratedArchive, BatchOnTheCalibrationImagesChangesNothing) {
  const auto module = load_archive(GetParam());
  const at::Tensor x = images_for(GetParam(), 12);
  const AdaptedModel model = adapt(module, with("batch", measured(module, x, 5, features_for(GetParam()))));
  const at::Tensor untouched = run(module, x);
  Stream stream = model.stream();
  for (int pass = 0; pass < 3; ++pass) {
    // The loop of branches-convolution shares one reference between passes that differ.
    if (std::string(GetParam()) != "branches-convolution") {
      EXPECT_TRUE(stream.forward(x).allclose(untouched, 1e-3, 1e-4)) << pass;
    }
  }
  // The reference is heeded: with another one the result is another.
  Reference other = measured(module, x, 5, features_for(GetParam()));
  for (ReferenceSite& site : other.sites) {
    site.mean += 1;
  }
  EXPECT_FALSE(adapt(module, with("batch", other)).stream().forward(x).allclose(untouched, 1e-2, 1e-2));
}

INSTANTIATE_TEST_SUITE_P(Archives, CalibratedArchive,
                         ::testing::Values("net.folded", "net1d.folded", "net3d.folded", "blocks.folded",
                                           "mixed.folded", "net.scripted", "net.traced", "net.frozen", "blocks.frozen",
                                           "tokens", "tokens.bare", "group-norm", "forked-convolution",
                                           "branches-convolution", "shared", "other-norms"));

// --- folded, with exact references ---------------------------------------------------------------------------------

struct Pair {
  const char* folded;
  const char* twin;
};

void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.folded; }

class FoldedModel : public ::testing::TestWithParam<std::tuple<Pair, const char*>> {};

TEST_P(FoldedModel, WithItsTwinsReferenceEqualsTheModelBeforeFolding) {
  at::manual_seed(24);
  const auto [pair, rule] = GetParam();
  const auto folded = load_archive(pair.folded);
  const auto twin = load_archive(pair.twin);
  Stream stream = adapt(folded, with(rule, reference_from_twin(folded, twin))).stream();
  Stream unfolded = adapt(twin, with(rule)).stream();
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor x = images_for(pair.folded, 4 + batch) * (1 + batch) + 0.2 * batch;
    const at::Tensor want = unfolded.forward(x);
    EXPECT_TRUE(stream.forward(x).allclose(want, 1e-4, 1e-4 * want.abs().max().item<double>())) << batch;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, FoldedModel,
    ::testing::Combine(::testing::Values(Pair{"net.folded", "net.scripted"}, Pair{"net1d.folded", "net1d"},
                                         Pair{"net3d.folded", "net3d"}, Pair{"blocks.folded", "blocks.frozen"},
                                         Pair{"mixed.folded", "mixed"}),
                       ::testing::Values("source", "batch", "prior", "prior:mixing=total", "ema", "cumulative", "dua",
                                         "iabn", "rbn", "tbr", "adamixbn", "medbn", "mixnorm", "tema",
                                         "rotta:slots=8,momentum=0.9")));

TEST(Folded, BatchEqualsEagerTrainingMode) {
  for (const Pair& pair :
       {Pair{"net.folded", "net.scripted"}, Pair{"blocks.folded", "blocks.frozen"}, Pair{"mixed.folded", "mixed"}}) {
    const auto folded = load_archive(pair.folded);
    Stream stream = adapt(folded, with("batch", reference_from_twin(folded, load_archive(pair.twin)))).stream();
    for (int pass = 0; pass < 3; ++pass) {
      EXPECT_TRUE(stream.forward(golden(pair.twin, "input")).allclose(golden(pair.twin, "batch"), 1e-4, 1e-4))
          << pair.folded;
    }
  }
}

/// Gives the BatchNorm layers of net.scripted the statistics of images, as training would have, and folds them.
torch::jit::Module trained_on(const at::Tensor& images, torch::jit::Module& net) {
  Stream stream = adapt(net, with("batch")).stream();
  stream.forward(images);
  const StreamReport report = stream.report();
  const std::vector<torch::jit::Module> norms{at_path(net, {"stem", "1"}), at_path(net, {"bn2"})};
  for (std::size_t i = 0; i < norms.size(); ++i) {
    norms[i].attr("running_mean").toTensor().copy_(report.sites[i].batch_mean);
    norms[i].attr("running_var").toTensor().copy_(report.sites[i].batch_var);
  }
  return torch::jit::freeze(net);
}

class TrainedNet : public ::testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(25);
    training_ = clean_images(200);
    net_ = load_archive("net.scripted");
    net_.eval();
    folded_ = trained_on(training_, net_);
  }
  /// Largest distance from the model before folding over the spread of its outputs, over batches of shifted images.
  double distance(const Reference& reference, const char* rule) const {
    Stream stream = adapt(folded_, with(rule, reference)).stream();
    Stream unfolded = adapt(net_, with(rule)).stream();
    double worst = 0;
    for (int batch = 0; batch < 3; ++batch) {
      const at::Tensor x = clean_images(16) * 0.5 + 0.4;
      const at::Tensor want = unfolded.forward(x);
      worst = std::max(worst, ((stream.forward(x) - want).abs().max() / want.std()).item<double>());
    }
    return worst;
  }
  at::Tensor training_;
  torch::jit::Module net_, folded_;
};

TEST_F(TrainedNet, CalibratedOnTheTrainingImagesComesCloseToTheModelBeforeFolding) {
  const Reference reference = measured(folded_, training_, 50);
  const Reference exact = reference_from_twin(folded_, net_);
  for (std::size_t i = 0; i < 2; ++i) {
    const at::Tensor spread = exact.sites[i].var.sqrt();
    EXPECT_LE(((reference.sites[i].mean - exact.sites[i].mean).abs() / spread).max().item<double>(), 1e-4);
    EXPECT_TRUE(reference.sites[i].var.allclose(exact.sites[i].var, 1e-4, 0));
  }
  for (const char* rule : {"batch", "prior", "ema", "cumulative"}) {
    // What is left is eps, which calibration cannot know: 1e-3 of a variance of about 1 in the second layer.
    EXPECT_LE(distance(reference, rule), 0.02) << rule;
  }
}

TEST_F(TrainedNet, CalibratedOnOtherCleanImagesStaysNear) {
  const Reference reference = measured(folded_, clean_images(200), 50);
  for (const char* rule : {"batch", "prior", "ema", "cumulative"}) {
    // References of 200 images have errors of a few hundredths of the spread, in either moment.
    EXPECT_LE(distance(reference, rule), 0.25) << rule;
  }
  for (const ReferenceSite& site : reference.sites) {
    EXPECT_GT(site.uncertainty, 0);
    EXPECT_LT(site.uncertainty, kSureReference);
  }
}

TEST_F(TrainedNet, CalibratedOnAHandfulOfImagesIsUnsure) {
  const Reference few = measured(folded_, training_.narrow(0, 0, 2));
  const Reference many = measured(folded_, training_);
  EXPECT_GT(few.sites[0].uncertainty, 2 * many.sites[0].uncertainty);
}

// --- kinds of sites --------------------------------------------------------------------------------------------------

class FeatureStream : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(26); }
  const at::Tensor x_ = clean_images(8);
};

TEST_F(FeatureStream, AMixedModelGetsBothKinds) {
  const auto module = load_archive("mixed.folded");
  const Reference twin = reference_from_twin(module, load_archive("mixed"));
  const AdaptedModel model = adapt(module, with("batch", twin));
  EXPECT_THAT(names_of(model.sites()), ElementsAre("convolution_0", "batch_norm_0", "convolution_1"));
  EXPECT_TRUE(model.sites()[0].feature);
  EXPECT_FALSE(model.sites()[1].feature) << "without a reference a BatchNorm keeps its running statistics";
  const AdaptedModel calibrated = adapt(module, with("batch", measured(module, x_)));
  EXPECT_TRUE(calibrated.sites()[1].feature);
  Stream stream = calibrated.stream();
  stream.forward(x_ * 2);
  const StreamReport report = stream.report();
  ASSERT_EQ(report.sites.size(), 3U);
  EXPECT_GT(report.sites[0].batch_distance, 0.01);
  EXPECT_LT(report.sites[1].batch_distance, report.sites[0].batch_distance) << "the site before it brought them back";
}

TEST_F(FeatureStream, PatternsSelectFeatureSitesToo) {
  const auto module = load_archive("mixed.folded");
  AdaptOptions options = with("batch", measured(module, x_));
  options.layers = {"convolution_*"};
  EXPECT_THAT(names_of(adapt(module, options).sites()), ElementsAre("convolution_0", "convolution_1"));
  options.skip_layers = {"*_0"};
  EXPECT_THAT(names_of(adapt(module, options).sites()), ElementsAre("convolution_1"));
  options.layers = {"conv.*"};
  EXPECT_THAT(message<UsageError>([&] { adapt(module, options); }),
              AllOf(HasSubstr("'conv.*'"), HasSubstr("convolution_0")));
  options.layers = {};
  options.skip_layers = {"*"};
  EXPECT_THAT(message<UsageError>([&] { adapt(module, options); }), HasSubstr("leave no layer"));
}

TEST_F(FeatureStream, AnEpsOfTheRuleIsRefusedAndTheSiteNamed) {
  const auto module = load_archive("net.folded");
  const AdaptedModel model = adapt(module, with("batch", measured(module, x_)));
  EXPECT_THAT(message<UsageError>([&] { (void)model.stream(parse_rule("batch:eps=1e-3")); }),
              AllOf(HasSubstr("batch:eps=0.001"), HasSubstr("convolution_0"), HasSubstr("leave eps out")));
  // With BatchNorm layers alone it is in their units.
  EXPECT_NO_THROW(adapt(load_archive("net.scripted"), with("batch:eps=1e-3")).stream());
}

TEST_F(FeatureStream, NanLeavesTheStateAlone) {
  const auto module = load_archive("mixed.folded");
  const AdaptedModel model = adapt(module, with("ema", measured(module, x_)));
  Stream poisoned = model.stream();
  Stream clean = model.stream();
  poisoned.forward(x_);
  clean.forward(x_);
  at::Tensor bad = x_.clone();
  bad[2][1][3][3] = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor output = poisoned.forward(bad);
  EXPECT_EQ(output.isfinite().all(1).sum().item<std::int64_t>(), x_.size(0) - 1);
  EXPECT_EQ(poisoned.report().rejected, 1);
  EXPECT_EQ(poisoned.report().images, clean.report().images);
  EXPECT_TRUE(poisoned.forward(x_ * 2).equal(clean.forward(x_ * 2)));
}

TEST_F(FeatureStream, ResetIsAFreshStream) {
  const auto module = load_archive("mixed.folded");
  const AdaptedModel model = adapt(module, with("cumulative", measured(module, x_)));
  Stream used = model.stream();
  used.forward(x_ * 3);
  used.reset();
  EXPECT_EQ(used.report().images, 0);
  EXPECT_TRUE(used.forward(x_ + 1).equal(model.stream().forward(x_ + 1)));
}

TEST_F(FeatureStream, ReportsSpeakOfTheReference) {
  const auto module = load_archive("net.folded");
  const Reference reference = measured(module, x_);
  const AdaptedModel model = adapt(module, with("batch", reference));
  Stream stream = model.stream();
  stream.forward(x_);
  const StreamReport report = stream.report();
  ASSERT_EQ(report.sites.size(), 2U);
  EXPECT_EQ(report.sites[0].name, "convolution_0");
  EXPECT_TRUE(report.sites[0].source_mean.equal(reference.sites[0].mean));
  EXPECT_TRUE(report.sites[0].batch_mean.allclose(reference.sites[0].mean, 1e-6, 1e-6));
  EXPECT_NEAR(report.sites[0].batch_distance, 0, 1e-9);
  EXPECT_EQ(report.sites[0].dead_channels, 0);
}

TEST_F(FeatureStream, TheCallersReferenceIsNotShared) {
  const auto module = load_archive("net.folded");
  Reference reference = measured(module, x_);
  const AdaptedModel model = adapt(module, with("batch", reference));
  const at::Tensor before = model.stream().forward(x_ * 2);
  for (ReferenceSite& site : reference.sites) {
    site.mean.fill_(99);
    site.var.fill_(99);
    site.eps.fill_(99);
  }
  EXPECT_TRUE(model.stream().forward(x_ * 2).equal(before));
}

// --- dead channels ---------------------------------------------------------------------------------------------------

TEST(DeadChannels, AreCountedPrintedAndNotAmplified) {
  // The BatchNorm of this archive sees the images themselves.
  Stream stream = adapt(load_archive("relu-first"), with("batch")).stream();
  at::Tensor x = at::rand({6, 3, 8, 8}) + 0.5;
  x.select(1, 1).fill_(0.25);
  stream.forward(x);
  EXPECT_EQ(stream.report().sites.at(0).dead_channels, 1);
  std::ostringstream table;
  table << stream.report();
  EXPECT_THAT(table.str(), HasSubstr("1 dead channel kept the source variance"));
  Stream automatic = adapt(load_archive("relu-first"), with("auto")).stream();
  automatic.forward(x);
  std::ostringstream other;
  other << automatic.report();
  EXPECT_THAT(other.str(), HasSubstr("1 dead channel followed as far as the weight lets"));
  x.select(1, 1).uniform_(0, 1);
  stream.forward(x);
  EXPECT_EQ(stream.report().sites[0].dead_channels, 0) << "of the last batch, not of all";
}

TEST(DeadChannels, AreCountedAtFeatureSites) {
  at::manual_seed(27);
  const auto module = load_archive("forked-convolution");
  const Reference reference = measured(module, clean_images(20));
  const at::Tensor blank = at::full({4, 3, 8, 8}, 0.5);
  Stream stream = adapt(module, with("batch", reference)).stream();
  const at::Tensor output = stream.forward(blank);
  EXPECT_EQ(stream.report().sites.at(0).dead_channels, 4);
  EXPECT_TRUE(output.isfinite().all().item<bool>());
  // The noise of the last bit of these images must stay what it is.
  const at::Tensor noisy = stream.forward(blank + 1e-6 * at::randn({4, 3, 8, 8}));
  EXPECT_TRUE(noisy.allclose(output, 1e-4, 1e-4));
  Stream source = adapt(module, with("source", reference)).stream();
  source.forward(blank);
  EXPECT_EQ(source.report().sites.at(0).dead_channels, 0) << "source measures nothing";
}

// --- snapshots -------------------------------------------------------------------------------------------------------

class SnapshotTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    at::manual_seed(28);
    const auto module = load_archive("mixed.folded");
    model_ = std::make_unique<AdaptedModel>(adapt(module, with(GetParam(), measured(module, x_))));
  }
  const at::Tensor x_ = clean_images(8);
  std::unique_ptr<AdaptedModel> model_;
};

TEST_P(SnapshotTest, BringsTheStreamBackAsOftenAsWanted) {
  Stream stream = model_->stream();
  stream.forward(x_);
  const Snapshot snapshot = stream.snapshot();
  const StreamReport before = stream.report();
  const at::Tensor want = stream.forward(x_ * 2);
  for (int pass = 0; pass < 3; ++pass) {
    stream.forward(x_ * 5 - 1);  // the snapshot must not move with the stream
    stream.rollback(snapshot);
    const StreamReport after = stream.report();
    EXPECT_EQ(after.images, before.images);
    EXPECT_EQ(after.batches, before.batches);
    for (std::size_t i = 0; i < before.sites.size(); ++i) {
      EXPECT_TRUE(after.sites[i].used_mean.equal(before.sites[i].used_mean));
    }
    EXPECT_TRUE(stream.forward(x_ * 2).equal(want)) << pass;
  }
}

TEST_P(SnapshotTest, AnotherStreamOfTheModelTakesIt) {
  Stream stream = model_->stream();
  stream.forward(x_);
  const AdaptedModel copy = *model_;
  Stream other = copy.stream();
  other.forward(x_ * 7);
  other.rollback(stream.snapshot());
  EXPECT_EQ(other.report().images, x_.size(0));
  EXPECT_TRUE(other.forward(x_ * 2).equal(stream.forward(x_ * 2)));
}

TEST_P(SnapshotTest, SurvivesItsStreamAndInferenceMode) {
  const Snapshot snapshot = [&] {
    const c10::InferenceMode guard;
    Stream stream = model_->stream();
    stream.forward(x_);
    return stream.snapshot();
  }();
  Stream other = model_->stream();
  other.rollback(snapshot);
  Stream same = model_->stream();
  same.forward(x_);
  EXPECT_TRUE(other.forward(x_ * 2).equal(same.forward(x_ * 2)));
}

INSTANTIATE_TEST_SUITE_P(Rules, SnapshotTest,
                         ::testing::Values("batch", "prior", "ema", "cumulative", "dua", "iabn", "tbr", "unmixtns",
                                           "medbn", "mixnorm", "tema"));

TEST(Snapshots, OfAnotherRuleOrModelAreRefused) {
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("ema"));
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = model.stream();
  stream.forward(x);
  const StreamReport before = stream.report();
  Stream other_rule = model.stream(parse_rule("ema:momentum=0.2"));
  EXPECT_THAT(message<UsageError>([&] { stream.rollback(other_rule.snapshot()); }),
              AllOf(HasSubstr("under rule ema,"), HasSubstr("rule ema:momentum=0.2")));
  // The same archive, adapted a second time, is another model: its layers may be others.
  Stream other_model = adapt(load_archive("net.scripted"), with("ema")).stream();
  EXPECT_THAT(message<UsageError>([&] { stream.rollback(other_model.snapshot()); }), HasSubstr("another model"));
  EXPECT_EQ(stream.report().images, before.images);
  EXPECT_TRUE(stream.report().sites[0].used_mean.equal(before.sites[0].used_mean));
}

// --- state files -----------------------------------------------------------------------------------------------------

class StateWithReference : public testing::FolderTest {};

TEST_F(StateWithReference, GoesOnWithTheSameReferenceAndIsRefusedByAnother) {
  at::manual_seed(29);
  const at::Tensor x = clean_images(8);
  const auto module = load_archive("net.folded");
  const Reference reference = measured(module, x);
  const auto file = folder / "camera.state";
  const AdaptedModel model = adapt(module, with("ema", reference));
  Stream stream = model.stream();
  stream.forward(x * 2);
  stream.save(file);
  const auto loads = [&](const torch::jit::Module& into, const AdaptOptions& options) {
    Stream other = adapt(into, options).stream();
    other.load(file);
    return other.forward(x + 1);
  };
  const at::Tensor went_on = loads(load_archive("net.folded"), with("ema", reference));
  EXPECT_TRUE(went_on.equal(stream.forward(x + 1)));
  const Reference twin = reference_from_twin(module, load_archive("net.scripted"));
  EXPECT_THAT(message<DataError>([&] { loads(module, with("ema", twin)); }), HasSubstr("another reference: expected "));
  EXPECT_THAT(message<DataError>([&] { loads(module, with("ema", measured(module, x * 1.1))); }),
              HasSubstr("another reference"));
}

TEST_F(StateWithReference, WithAndWithoutAreTwoThings) {
  at::manual_seed(30);
  const at::Tensor x = clean_images(8);
  const auto module = load_archive("net.scripted");
  const auto file = folder / "camera.state";
  Stream without = adapt(module, with("ema")).stream();
  without.forward(x);
  without.save(file);
  Stream stream = adapt(module, with("ema", measured(module, x))).stream();
  EXPECT_THAT(message<DataError>([&] { stream.load(file); }), HasSubstr("found none"));
  stream.save(file);
  EXPECT_THAT(message<DataError>([&] { without.load(file); }), HasSubstr("another reference: expected none"));
}

// --- torch::jit::optimize_for_inference ------------------------------------------------------------------------------

/// In mkldnn layout where this LibTorch has it.
torch::jit::Module optimized(const std::string& name) {
  auto module = load_archive(name);
  module.eval();
  return torch::jit::optimize_for_inference(module);
}

/// A BatchNorm that stays is then in mkldnn layout too, and left as it was trained.
AdaptOptions without_batch_norm(const char* rule, const Reference& reference) {
  AdaptOptions options = with(rule, reference);
  options.skip_layers = {"batch_norm_*", "before"};
  return options;
}

class Optimized : public ::testing::TestWithParam<Pair> {
 protected:
  void SetUp() override { at::manual_seed(31); }
  const at::Tensor clean_ = clean_images(40);
  const at::Tensor x_ = clean_images(8) * 2 + 0.5;
};

TEST_P(Optimized, SourceIsBitEqualAndBatchIsThatOfTheFoldedModel) {
  const auto module = optimized(GetParam().twin);
  const auto folded = load_archive(GetParam().folded);
  const Reference reference = measured(module, clean_);
  Stream source = adapt(module, with("source", reference)).stream();
  Stream batch = adapt(module, without_batch_norm("batch", reference)).stream();
  Stream folded_batch = adapt(folded, without_batch_norm("batch", measured(folded, clean_))).stream();
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_TRUE(source.forward(x_).equal(run(module, x_))) << pass;
    const at::Tensor want = folded_batch.forward(x_);
    EXPECT_TRUE(batch.forward(x_).allclose(want, 1e-4, 1e-4 * want.abs().max().item<double>())) << pass;
    EXPECT_FALSE(want.allclose(run(folded, x_), 1e-2, 1e-2)) << "something must have moved";
  }
}

TEST_P(Optimized, MatchesItsTwin) {
  const auto module = optimized(GetParam().twin);
  const auto twin = load_archive(GetParam().twin);
  Stream stream = adapt(module, without_batch_norm("batch", reference_from_twin(module, twin))).stream();
  AdaptOptions options = with("batch");
  options.skip_layers = {"before"};
  Stream unfolded = adapt(twin, options).stream();
  const at::Tensor want = unfolded.forward(x_);
  EXPECT_TRUE(stream.forward(x_).allclose(want, 1e-4, 1e-4 * want.abs().max().item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Archives, Optimized,
                         ::testing::Values(Pair{"net.folded", "net.scripted"}, Pair{"mixed.folded", "mixed"}));

}  // namespace
}  // namespace ttscale
