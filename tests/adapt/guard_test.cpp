// SPDX-License-Identifier: MIT
// Streams with a guard: a model that its own batch statistics break, one that they mend, and what travels along.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include <torch/script.h>

#include "adapt/message.h"
#include "graph/fingerprint.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"
#include "ttscale/calibrate.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message;

constexpr std::int64_t kClasses = 6;

/// Class k is told by channel k: 51 where the others are at 50. What comes after the layer has learned that from its
/// output with the stored statistics, which are not those of its own clean activations: with others it sees nothing.
/// So a plate reader fell from 90 % to 0 % under batch statistics.
torch::jit::Module with_statistics(double mean, double var, double threshold, double steepness) {
  torch::jit::Module module("Reader");
  module.register_buffer("mean", at::full({kClasses}, mean));
  module.register_buffer("var", at::full({kClasses}, var));
  module.register_attribute("threshold", c10::FloatType::get(), threshold);
  module.register_attribute("steepness", c10::FloatType::get(), steepness);
  module.define(R"(
def forward(self, x):
    y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.0, 1e-5, False)
    return torch.relu(y - self.threshold).mean([2, 3]) * self.steepness
)");
  module.eval();
  return module;
}

torch::jit::Module mismatched() { return with_statistics(0, 1, 50.5, 16); }
/// The same task with the statistics of its clean activations.
torch::jit::Module matched() { return with_statistics(50 + 1.0 / kClasses, 0.15, 0.5, 8); }

struct Labelled {
  at::Tensor images, labels;
};

Labelled batch(std::int64_t n, double gain = 1, double offset = 0) {
  const at::Tensor labels = at::randint(kClasses, {n});
  const at::Tensor signal = at::one_hot(labels, kClasses).to(at::kFloat).view({n, kClasses, 1, 1});
  const at::Tensor clean = 50 + signal + 0.05 * at::randn({n, kClasses, 8, 8});
  return {clean * gain + offset, labels};
}

double accuracy(const at::Tensor& scores, const at::Tensor& labels) {
  return (scores.argmax(1) == labels).to(at::kDouble).mean().item<double>();
}

AdaptOptions options(const std::string& rule, const std::string& guard) {
  AdaptOptions out;
  out.rule = parse_rule(rule);
  if (!guard.empty()) {
    out.guard = parse_guard(guard);
  }
  return out;
}

/// Mean accuracy over the later half of `batches` batches.
double run(Stream& stream, int batches, std::int64_t size, double gain = 1, double offset = 0) {
  double sum = 0;
  for (int i = 0; i < batches; ++i) {
    const Labelled b = batch(size, gain, offset);
    const double found = accuracy(stream.forward(b.images), b.labels);
    sum += i >= batches / 2 ? found : 0;
  }
  return sum / (batches - batches / 2);
}

class GuardedStream : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { torch::manual_seed(1); }
};

TEST_P(GuardedStream, ComesBackFromStatisticsThatBreakTheModel) {
  const std::int64_t size = GetParam();
  const int batches = static_cast<int>(2 + 128 / size);
  const std::string rule = "auto:correlation=0";  // whose caution would leave less to come back from
  const AdaptedModel model = adapt(mismatched(), options(rule, "off"));
  Stream source = model.stream(rule::Source{});
  EXPECT_EQ(run(source, batches, size), 1);
  Stream unguarded = model.stream();
  EXPECT_LT(run(unguarded, batches, size), 0.5) << "the model must be one that adapting breaks";
  Stream guarded = adapt(mismatched(), options(rule, "")).stream();
  EXPECT_EQ(run(guarded, batches, size), 1);
  const StreamReport report = guarded.report();
  EXPECT_EQ(report.guard.action, GuardAction::kRollBack) << report;
  ASSERT_FALSE(report.guard.decisions.empty());
  EXPECT_LT(report.guard.decisions.back().evidence.gain, 0);
}

TEST_P(GuardedStream, KeepsAdaptingWhereItHelps) {
  const std::int64_t size = GetParam();
  const int batches = static_cast<int>(4 + 256 / size);
  Stream source = adapt(matched(), options("source", "off")).stream();
  EXPECT_LT(run(source, batches, size, 1, -1), 0.5) << "the shift must hurt";
  const AdaptedModel model = adapt(matched(), options("auto", ""));
  Stream stream = model.stream();
  const double adapted = run(stream, batches, size, 1, -1);
  EXPECT_EQ(stream.report().guard.action, GuardAction::kKeep) << stream.report();
  EXPECT_GT(adapted, 0.8) << stream.report();
  EXPECT_TRUE(stream.report().guard.decisions.empty());
  Stream clean = model.stream();
  EXPECT_EQ(run(clean, batches, size), 1);
  EXPECT_TRUE(clean.report().guard.decisions.empty());
}

INSTANTIATE_TEST_SUITE_P(BatchSizes, GuardedStream, ::testing::Values(1, 4, 16, 64));

TEST(Guard, WatchesOtherRulesWhereAsked) {
  torch::manual_seed(2);
  Stream stream = adapt(mismatched(), options("batch", "1")).stream();
  EXPECT_EQ(run(stream, 6, 32), 1);
  Stream alone = adapt(mismatched(), options("batch", "")).stream();
  EXPECT_LT(run(alone, 6, 32), 0.5);
  EXPECT_EQ(alone.report().guard.compared, 0);
}

Reference reference_of(const torch::jit::Module& module) {
  Calibration calibration(module);
  calibration.add(batch(64).images);
  return calibration.result();
}

TEST(Guard, SaysWhereCleanImagesAreAlreadyFarFromWhatTheModelStores) {
  torch::manual_seed(7);
  const Reference reference = reference_of(mismatched());
  EXPECT_THAT(reference.mismatch(), AllOf(HasSubstr("1 of 1 BatchNorm layers"), HasSubstr("distance 1.00")));
  for (const char* rule : {"auto", "batch"}) {
    AdaptOptions with = options(rule, "1/16");
    with.reference = reference;
    Stream stream = adapt(mismatched(), with).stream();
    EXPECT_EQ(run(stream, 6, 32), 1) << rule << ": the reference says where clean images lie";
    EXPECT_EQ(stream.report().guard.action, GuardAction::kKeep);
    EXPECT_EQ(stream.guard().moments, reference.mismatch());
    EXPECT_THAT(describe(stream.guard()), HasSubstr(reference.mismatch()));
  }
  EXPECT_EQ(adapt(mismatched(), options("auto", "")).stream().guard().moments, "") << "nothing is known without one";
}

TEST(Guard, FewCleanImagesAreNotTakenForAMismatch) {
  for (int seed = 0; seed < 5; ++seed) {
    torch::manual_seed(seed);
    Calibration calibration(matched());
    calibration.add(batch(3).images);
    EXPECT_EQ(calibration.result().mismatch(), "") << seed;
  }
}

TEST(Guard, HasNoWordsForStoredStatisticsThatAreThoseOfCleanImages) {
  torch::manual_seed(8);
  const Reference reference = reference_of(matched());
  ASSERT_EQ(reference.sites.size(), 1);
  EXPECT_GE(reference.sites[0].stored_distance, 0);
  EXPECT_LT(reference.sites[0].stored_distance, 0.01);
  EXPECT_EQ(reference.mismatch(), "");
}

TEST(Guard, TheDistanceOfStoredStatisticsIsThatOfTheFormula) {
  torch::manual_seed(9);
  torch::jit::Module module("Layer");
  module.register_buffer("mean", at::full({1}, 2.0));
  module.register_buffer("var", at::full({1}, 4.0));
  module.register_parameter("weight", at::full({1}, 3.0), false);
  module.register_parameter("bias", at::full({1}, 1.0), false);
  module.define(R"(
def forward(self, x):
    return torch.batch_norm(x, self.weight, self.bias, self.mean, self.var, False, 0.0, 1.0, False)
)");
  module.eval();
  const at::Tensor x = at::randn({16, 1, 8, 8}, at::kDouble).to(at::kFloat);
  Calibration calibration(module);
  calibration.add(x);
  const Reference reference = calibration.result();
  const double m1 = ((x.to(at::kDouble).mean().item<double>() - 2) / std::sqrt(5.0)) * 3 + 1;
  const double v1 = x.to(at::kDouble).var(/*unbiased=*/false).item<double>() / 5 * 9;
  const double v2 = 9 * 4.0 / 5;
  const double expected =
      1 - std::sqrt(2 * std::sqrt(v1 * v2) / (v1 + v2)) * std::exp(-(m1 - 1) * (m1 - 1) / 4 / (v1 + v2));
  EXPECT_NEAR(reference.sites.at(0).stored_distance, expected, 1e-5);
  const auto file = std::filesystem::path(::testing::TempDir()) / "stored.reference";
  reference.save(file);
  EXPECT_EQ(Reference::load(file).sites.at(0).stored_distance, reference.sites.at(0).stored_distance);
  std::filesystem::remove(file);
}

TEST(Guard, AnswersWithTheBitsOfTheSourceAfterItRolledBack) {
  torch::manual_seed(3);
  torch::jit::Module module = mismatched();
  Stream stream = adapt(module, options("auto", "1")).stream();
  run(stream, 4, 32);
  const Labelled b = batch(32);
  EXPECT_TRUE(stream.forward(b.images).equal(module.forward({b.images}).toTensor()));
}

TEST(Guard, RollingBackKeepsTheWeightsOfTtn) {
  torch::manual_seed(6);
  const torch::jit::Module module = mismatched();
  AdaptOptions with_weights = options("ttn", "1");
  const auto all = [](double value) { return at::full({kClasses}, value, at::kDouble); };
  Reference reference;
  reference.model = graph::fingerprint(module);
  // Domains that move far: nearly all of the weight is the batch's.
  reference.sites = {{adapt(module).sites()[0].name, all(0), all(1), all(1e-5), 0, -1, all(1e6), all(1)}};
  with_weights.reference = reference;
  Stream stream = adapt(module, with_weights).stream();
  EXPECT_EQ(run(stream, 8, 32), 1);
  const StreamReport report = stream.report();
  ASSERT_EQ(report.guard.action, GuardAction::kRollBack);
  // The model as it is answers; the trials beside it go on from the beginning of the stream.
  EXPECT_GT(report.sites[0].batch_mean.min().item<double>(), 40);
  EXPECT_TRUE(report.sites[0].used_mean.allclose(report.sites[0].batch_mean, 1e-3, 1e-3)) << report;
}

TEST(Guard, SaysWhatItDidInWords) {
  torch::manual_seed(4);
  Stream stream = adapt(mismatched(), options("auto", "")).stream();
  run(stream, 4, 32);
  std::ostringstream text;
  text << stream.report();
  EXPECT_THAT(text.str(), ::testing::HasSubstr("guard 1/16: rolled back: the source model answers"));
  EXPECT_THAT(text.str(), ::testing::HasSubstr("after 64 images: roll back"));
}

TEST(Guard, ResetSnapshotAndFilesCarryIt) {
  torch::manual_seed(5);
  const AdaptedModel model = adapt(mismatched(), options("auto", "1"));
  Stream stream = model.stream();
  const Snapshot start = stream.snapshot();
  run(stream, 4, 32);
  ASSERT_EQ(stream.report().guard.action, GuardAction::kRollBack);
  const Snapshot rolled = stream.snapshot();
  const auto file = std::filesystem::temp_directory_path() / "ttscale-guard-test.state";
  stream.save(file);
  Stream other = model.stream();
  other.load(file);
  std::filesystem::remove(file);
  EXPECT_EQ(other.report().guard.action, GuardAction::kRollBack);
  stream.rollback(start);
  EXPECT_EQ(stream.report().guard.action, GuardAction::kKeep);
  EXPECT_EQ(stream.report().guard.compared, 0);
  stream.rollback(rolled);
  EXPECT_EQ(stream.report().guard.action, GuardAction::kRollBack);
  stream.reset();
  EXPECT_EQ(stream.report().guard.action, GuardAction::kKeep);
  EXPECT_TRUE(stream.report().guard.decisions.empty());
}

TEST(Guard, NothingIsBakedFromARolledBackStream) {
  torch::manual_seed(6);
  Stream stream = adapt(mismatched(), options("auto", "1")).stream();
  run(stream, 4, 32);
  EXPECT_THAT(message<UsageError>([&] { bake(stream); }), ::testing::HasSubstr("rolled back to the source model"));
  EXPECT_THAT(message<UsageError>([&] { online(stream); }), ::testing::HasSubstr("rolled back to the source model"));
}

TEST(Guard, DoesNotChangeWhatAKeptStreamAnswers) {
  torch::manual_seed(7);
  const AdaptedModel model = adapt(matched(), options("auto", ""));
  Stream guarded = model.stream();
  Stream alone = adapt(matched(), options("auto", "off")).stream();
  for (int i = 0; i < 6; ++i) {
    const Labelled b = batch(16, 1, -1);
    EXPECT_TRUE(guarded.forward(b.images).equal(alone.forward(b.images)));
  }
}

/// `matched()` whose forward begins and ends with other statements.
torch::jit::Module changed(const std::string& first, const std::string& result) {
  torch::jit::Module module("Changed");
  module.register_buffer("mean", at::full({kClasses}, 50 + 1.0 / kClasses));
  module.register_buffer("var", at::full({kClasses}, 0.15));
  module.define("def forward(self, x):\n  " + first +
                "\n  y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.0, 1e-5, False)\n"
                "  scores = torch.relu(y - 0.5).mean([2, 3]) * 8.0\n  return " +
                result + "\n");
  module.eval();
  return module;
}

TEST(Guard, AModelThatWritesIntoItsInputIsComparedOnTheSameImages) {
  torch::manual_seed(8);
  Stream stream = adapt(changed("x.sub_(10.0)", "scores"), options("auto", "1")).stream();
  for (int i = 0; i < 4; ++i) {
    Labelled b = batch(40, 1, 10);
    EXPECT_EQ(accuracy(stream.forward(b.images), b.labels), 1);
  }
  const GuardReport report = stream.guard();
  EXPECT_EQ(report.evidence.agreement, 1) << describe(report);
  EXPECT_TRUE(report.decisions.empty());
}

TEST(Guard, AModelOfAFixedBatchSizeIsAdaptedWithoutIt) {
  torch::manual_seed(9);
  Stream stream = adapt(changed("x = x.view([64, 6, 8, 8])", "scores"), options("auto", "")).stream();
  for (int i = 0; i < 3; ++i) {
    const Labelled b = batch(64);
    EXPECT_EQ(accuracy(stream.forward(b.images), b.labels), 1);
  }
  EXPECT_THAT(stream.guard().unable, ::testing::HasSubstr("fails on a part of the batch"));
  EXPECT_EQ(stream.report().images, 3 * 64);
}

TEST(Guard, AReadingThatTheModelRefusesDoesNotEndIt) {
  torch::manual_seed(14);
  // Values above 30 are tried divided by 255 as well.
  Stream stream = adapt(changed("assert bool((x > 30.0).all())", "scores"), options("auto", "1")).stream();
  for (int i = 0; i < 3; ++i) {
    stream.forward(batch(40, 1, -1).images);
  }
  EXPECT_EQ(stream.guard().unable, "");
  EXPECT_GT(stream.guard().compared, Guard::kFirstImages);
}

TEST(Guard, ARuleWhoseWeightDependsOnTheBatchIsTriedOnAllOfIt) {
  torch::manual_seed(15);
  Stream stream = adapt(mismatched(), options("prior:count=64", "1/16")).stream();
  EXPECT_EQ(run(stream, 12, 64), 1);
  const StreamReport report = stream.report();
  ASSERT_EQ(report.guard.action, GuardAction::kRollBack) << report;
  EXPECT_LT(report.guard.compared, 2 * 64) << "a part of the batches is compared";
  EXPECT_GT(report.images, 0);
  EXPECT_EQ(report.images % 64, 0) << "and all of them tried";
  EXPECT_TRUE(report.sites[0].used_mean.allclose(report.sites[0].batch_mean / 2, 1e-3, 1e-3)) << report;
}

TEST(Guard, AfterAFailedTrialTheSourceModelGoesOnAnswering) {
  torch::manual_seed(12);
  torch::jit::Module module("Fails");
  module.register_buffer("mean", at::zeros({kClasses}));
  module.register_buffer("var", at::ones({kClasses}));
  module.define(R"(
def forward(self, x):
    assert x.size(0) != 16
    y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.0, 1e-5, False)
    return torch.relu(y - 50.5).mean([2, 3]) * 16.0
)");
  module.eval();
  Stream stream = adapt(module, options("auto", "")).stream();
  run(stream, 3, 20);
  ASSERT_EQ(stream.guard().action, GuardAction::kRollBack);
  for (int i = 0; i < 40; ++i) {
    const Labelled b = batch(64);
    EXPECT_EQ(accuracy(stream.forward(b.images), b.labels), 1);
  }
  EXPECT_EQ(stream.guard().action, GuardAction::kRollBack);
  EXPECT_THAT(describe(stream.guard()), AllOf(HasSubstr("cannot watch any more"), HasSubstr("fails on a part")));
  // Nor does it begin again when statistics are brought back.
  stream.rollback(stream.snapshot());
  EXPECT_EQ(stream.guard().action, GuardAction::kRollBack);
  const auto file = std::filesystem::path(::testing::TempDir()) / "stays.state";
  stream.save(file);
  stream.load(file);
  std::filesystem::remove(file);
  EXPECT_EQ(stream.guard().action, GuardAction::kRollBack);
  const Labelled after = batch(64);
  EXPECT_EQ(accuracy(stream.forward(after.images), after.labels), 1);
}

TEST(Guard, AFailedForwardLeavesNoTraceInIt) {
  torch::manual_seed(10);
  const AdaptedModel model = adapt(changed("assert x.size(0) != 7", "scores"), options("auto", "1"));
  Stream stream = model.stream();
  Stream other = model.stream();
  EXPECT_THROW(stream.forward(batch(7).images), ModelError);
  for (int i = 0; i < 3; ++i) {
    const Labelled b = batch(20, 1, -1);
    EXPECT_TRUE(stream.forward(b.images).equal(other.forward(b.images)));
  }
  EXPECT_EQ(stream.guard().compared, other.guard().compared);
}

TEST(Guard, RefusedBatchesStayCountedWhenItRollsBack) {
  torch::manual_seed(11);
  Stream stream = adapt(mismatched(), options("auto", "1")).stream();
  at::Tensor broken = batch(32).images;
  broken[0].fill_(std::numeric_limits<float>::quiet_NaN());
  stream.forward(broken);
  run(stream, 4, 32);
  ASSERT_EQ(stream.guard().action, GuardAction::kRollBack);
  EXPECT_EQ(stream.report().rejected, 1);
}

TEST(GuardText, ReadsAndWritesShares) {
  EXPECT_EQ(parse_guard("off").fraction, 0);
  EXPECT_EQ(parse_guard("1").fraction, 1);
  EXPECT_EQ(parse_guard("1/16").fraction, 1.0 / 16);
  EXPECT_EQ(parse_guard("0.3").fraction, 0.3);
  for (const char* text : {"off", "1", "1/16", "1/3", "0.3"}) {
    EXPECT_EQ(to_string(parse_guard(text)), text);
  }
  for (const char* text : {"", "on", "2", "-1", "1/0", "3/2", "1/", "nan", "1/16x"}) {
    EXPECT_THROW(parse_guard(text), UsageError) << text;
  }
}

}  // namespace
}  // namespace ttscale
