// SPDX-License-Identifier: MIT
// Predictions are those of plain LibTorch, and scores those of the predictions.
#include "eval/evaluate.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include <torch/script.h>

#include "fixtures.h"
#include "image/preprocess.h"
#include "ttscale/input.h"

namespace ttscale::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

at::Tensor normalized(const at::Tensor& pixels) {
  const image::Preprocessing defaults;
  const at::Tensor mean = at::tensor(defaults.mean, at::kFloat).view({1, 3, 1, 1});
  const at::Tensor std = at::tensor(defaults.std, at::kFloat).view({1, 3, 1, 1});
  return (pixels - mean) / std;
}

TEST_F(EvalTest, SourceIsTheModelAsItIs) {
  run(options({"source"}));
  for (const char* domain : {"dark", "light"}) {
    const auto predictions = seen.of(domain, "source");
    ASSERT_THAT(predictions, SizeIs(12));
    expect_predictions(predictions, replay(save_model(ModelKind::kPlain), predictions, 5, normalized));
  }
}

TEST_F(EvalTest, BatchIsTheModelWithItsBatchNormInTraining) {
  run(options({"source", "batch"}));
  for (const char* domain : {"dark", "light"}) {
    const auto predictions = seen.of(domain, "batch");
    ASSERT_THAT(predictions, SizeIs(12));
    expect_predictions(predictions, replay(save_model(ModelKind::kTraining), predictions, 5, normalized));
  }
}

TEST_F(EvalTest, InputIsScaledInPixelSpaceAgainstTheReferenceOfThePreprocessing) {
  EvalOptions scaled = options({"source"});
  scaled.input = Standardize{{0.9}, {0.1}, InputScope::kImage};  // a reference that must not be used
  run(scaled);
  const image::Preprocessing defaults;
  const Standardize reference{defaults.mean, defaults.std, InputScope::kImage};
  const auto predictions = seen.of("light", "source");
  expect_predictions(predictions, replay(scaled.model, predictions, 5, [&](const at::Tensor& pixels) {
                       return normalized(standardize(pixels, reference));
                     }));
  EXPECT_EQ(result.plan.input, to_string(scaled.input));
}

TEST_F(EvalTest, RulesInOnePassAreRulesOneByOne) {
  const std::vector<std::string> rules = {"source", "batch", "ema:momentum=0.5", "cumulative"};
  run(options(rules));
  const EvalResult together = result;
  const Recorder all = seen;
  for (const std::string& rule : rules) {
    run(options({rule}));
    EXPECT_EQ(cell("light", rule)->scores.nll, together.find(together.plan.settings.front(), "light", rule)->scores.nll)
        << rule;
    EXPECT_EQ(cell("light", rule)->scores.ece, together.find(together.plan.settings.front(), "light", rule)->scores.ece)
        << rule;
    EXPECT_EQ(seen.of("dark", rule).back().confidence, all.of("dark", rule).back().confidence) << rule;
  }
}

TEST_F(EvalTest, ModelThatWritesIntoItsInputDisturbsNoOtherRule) {
  EvalOptions writing = options({"source", "batch"});
  writing.model = save_model(ModelKind::kWritesInput);
  run(writing);
  const EvalResult together = result;
  for (const char* rule : {"source", "batch"}) {
    writing.rules = {rule};
    run(writing);
    EXPECT_EQ(cell("dark", rule)->scores.nll, together.find(together.plan.settings.front(), "dark", rule)->scores.nll)
        << rule;
  }
}

TEST_F(EvalTest, ScoresAreThoseOfThePredictions) {
  run(options({"batch"}));
  for (const Cell& cell : result.cells) {
    const auto predictions = seen.of(cell.domain, cell.rule);
    double correct = 0;
    double confidence = 0;
    for (const auto& prediction : predictions) {
      correct += prediction.index == prediction.label ? 1 : 0;
      confidence += prediction.confidence;
    }
    EXPECT_EQ(cell.scores.images, 12);
    EXPECT_DOUBLE_EQ(cell.scores.top1, 100 * correct / 12);
    EXPECT_DOUBLE_EQ(cell.scores.top5, 100);
    EXPECT_NEAR(cell.scores.confidence, confidence / 12, 1e-12);
    EXPECT_LT(cell.scores.top1_low, cell.scores.top1);
    EXPECT_GT(cell.scores.top1_high, cell.scores.top1);
  }
}

TEST_F(EvalTest, WorkersDoNotChangeAnything) {
  std::vector<std::pair<EvalResult, Recorder>> outcomes;
  for (const std::int64_t workers : {0, 1, 3}) {
    EvalOptions threaded = options({"batch", "dua"});
    threaded.workers = workers;
    run(threaded);
    outcomes.emplace_back(result, seen);
  }
  for (const auto& [other, recorder] : outcomes) {
    EXPECT_EQ(recorder.calls, outcomes.front().second.calls);
    for (std::size_t i = 0; i < other.cells.size(); ++i) {
      EXPECT_EQ(other.cells[i].scores.nll, outcomes.front().first.cells[i].scores.nll);
    }
    for (std::size_t i = 0; i < recorder.all.size(); ++i) {
      EXPECT_EQ(recorder.all[i].path, outcomes.front().second.all[i].path);
      EXPECT_EQ(recorder.all[i].confidence, outcomes.front().second.all[i].confidence);
    }
  }
}

TEST_F(EvalTest, ObserverIsCalledInOrder) {
  EvalOptions few = options({"source", "batch"});
  few.batch_sizes = {8};
  few.data = folder / "data/dark";
  run(few);
  EXPECT_THAT(seen.calls,
              ElementsAre("resolved 12", "part dark 12", "predictions source 8", "predictions batch 8", "batch 1",
                          "predictions source 4", "predictions batch 4", "batch 2", "cell source", "cell batch"));
  EXPECT_FALSE(result.partial);
}

TEST_F(EvalTest, ProgressCountsImagesOfAllDomains) {
  run(options({"source"}));
  ASSERT_THAT(seen.progress, SizeIs(6));
  EXPECT_EQ(seen.progress[0].images, 5);
  EXPECT_EQ(seen.progress[3].images, 17);
  EXPECT_EQ(seen.progress[3].part_images, 5);
  EXPECT_EQ(seen.progress[5].images, result.plan.work);
  EXPECT_DOUBLE_EQ(seen.progress[5].accuracy[0], result.cells[1].scores.top1);
}

TEST_F(EvalTest, PlanSaysWhatWasResolved) {
  run(options({"prior:count=16"}));
  EXPECT_EQ(result.plan.rules[0].label, "prior:count=16");
  EXPECT_EQ(result.plan.rules[0].resolved, "prior");
  EXPECT_THAT(result.plan.classes, ElementsAre("a", "b", "c"));
  EXPECT_THAT(result.plan.sites, SizeIs(1));
  for (const char* text : {"24 images in 2 domains", "3 from the folders", "prior:count=16", "batch size 5",
                           "reset-each-domain", "seed 42", "1 adapted"}) {
    EXPECT_THAT(result.plan.describe(), HasSubstr(text));
  }
}

TEST_F(EvalTest, TimesAndSitesAreGivenWhereAskedFor) {
  run(options({"batch"}));
  EXPECT_FALSE(result.seconds || result.cells[0].seconds);
  EXPECT_THAT(result.cells[0].sites, IsEmpty());
  EvalOptions more = options({"batch", "source"});
  more.timings = true;
  more.site_report = true;
  run(more);
  EXPECT_GT(*result.seconds, *result.cells[0].seconds);
  ASSERT_THAT(result.cells[0].sites, SizeIs(1));
  EXPECT_GT(result.cells[0].sites[0].used_distance, 0);
  EXPECT_EQ(result.cells[1].sites[0].used_distance, 0);
}

TEST_F(EvalTest, ModelsGetImagesOfTheirOwnType) {
  run(options({"source", "ema"}));
  const std::vector<Recorder::Prediction> single = seen.all;
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    EvalOptions other = options({"source", "ema"});
    torch::jit::Module module = torch::jit::load(other.model.string());
    module.to(type);
    other.model = folder / "other.pt";
    module.save(other.model.string());
    run(other);
    ASSERT_EQ(seen.all.size(), single.size());
    for (std::size_t i = 0; i < single.size(); ++i) {
      EXPECT_NEAR(seen.all[i].confidence, single[i].confidence, type == at::kDouble ? 1e-5 : 0.05) << type << ' ' << i;
    }
  }
}

TEST_F(EvalTest, NanScoresAreCountedAndDoNotStopTheRun) {
  EvalOptions broken = options({"source"});
  broken.model = save_model(ModelKind::kNanScores);
  run(broken);
  EXPECT_EQ(result.cells[0].scores.non_finite, 12);
  EXPECT_EQ(result.cells[0].scores.top1, 0);
  EXPECT_TRUE(std::isnan(result.cells[0].scores.nll));
  EXPECT_EQ(seen.all[0].index, -1);
}

}  // namespace
}  // namespace ttscale::eval
