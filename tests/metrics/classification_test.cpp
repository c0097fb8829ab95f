// SPDX-License-Identifier: MIT
// Metrics equal those of scikit-learn, scipy, torch and torchmetrics, and survive what models can return.
#include "metrics/classification.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <string>

#include "golden.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using testing::golden;
using ::testing::HasSubstr;
using testing::labels_of;
using testing::tensor_of;
using ::testing::ThrowsMessage;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

at::Tensor logits_of(const std::vector<std::vector<double>>& rows) { return tensor_of(rows); }

void expect_metrics(const Classification& sums, const nlohmann::json& expected) {
  EXPECT_NEAR(sums.top1(), expected["top1"], 1e-12);
  EXPECT_NEAR(sums.top5(), expected["top5"], 1e-12);
  EXPECT_NEAR(sums.nll(), expected["nll"], 1e-9);
  EXPECT_NEAR(sums.brier(), expected["brier"], 1e-12);
  EXPECT_NEAR(sums.mean_class_accuracy(), expected["mean_class_accuracy"], 1e-12);
  EXPECT_NEAR(sums.ece(), expected["ece"], 1e-6);  // torchmetrics bins in float32
  EXPECT_NEAR(sums.mean_confidence(), expected["mean_confidence"], 1e-12);
  EXPECT_NEAR(sums.top1_interval().low, expected["top1_interval"][0], 1e-12);
  EXPECT_NEAR(sums.top1_interval().high, expected["top1_interval"][1], 1e-12);
}

TEST(Classification, EqualsOtherLibraries) {
  const auto stored = golden("classification.json");  // a name: the loop would not keep a temporary alive
  for (const auto& expected : stored["cases"]) {
    SCOPED_TRACE(expected["name"].get<std::string>());
    Classification sums;
    const auto predictions = sums.add(logits_of(expected["logits"]), labels_of(expected["labels"]));
    expect_metrics(sums, expected);
    ASSERT_EQ(predictions.size(), expected["predictions"].size());
    for (std::size_t i = 0; i < predictions.size(); ++i) {
      EXPECT_EQ(predictions[i].index, expected["predictions"][i]);
      EXPECT_NEAR(predictions[i].confidence, expected["confidences"][i], 1e-12);
    }
  }
}

TEST(Classification, BatchesAndMergesGiveTheSameAsOneBatch) {
  const auto expected = golden("classification.json")["cases"][0];
  const at::Tensor logits = logits_of(expected["logits"]);
  const at::Tensor labels = labels_of(expected["labels"]);
  Classification first;
  first.add(logits.slice(0, 0, 7), labels.slice(0, 0, 7));
  first.add(logits.slice(0, 7, 20), labels.slice(0, 7, 20));
  Classification second;
  second.add(logits.slice(0, 20), labels.slice(0, 20));
  first.merge(second);
  expect_metrics(first, expected);
}

TEST(Classification, CountsClassesByLabel) {
  Classification sums;
  sums.add(logits_of({{1, 0, 0}, {0, 1, 0}, {0, 1, 0}, {kNan, 0, 0}}), labels_of({0, 1, 0, 0}));
  ASSERT_EQ(sums.per_class.size(), 3U);
  EXPECT_EQ(sums.per_class[0].images, 3);
  EXPECT_EQ(sums.per_class[0].correct, 1);
  EXPECT_EQ(sums.per_class[1].images, 1);
  EXPECT_EQ(sums.per_class[1].correct, 1);
  EXPECT_EQ(sums.per_class[2].images, 0);
  EXPECT_NEAR(sums.mean_class_accuracy(), (1.0 / 3 + 1) / 2, 1e-15);
}

TEST(Classification, SumsOfMoreClassesMakeRoomForThem) {
  Classification few;
  few.add(logits_of({{1, 0}}), labels_of({0}));
  Classification many;
  many.add(logits_of({{0, 0, 1}}), labels_of({2}));
  Classification merged = few;
  merged.merge(many);
  many.merge(few);
  for (const Classification& sums : {merged, many}) {
    ASSERT_EQ(sums.per_class.size(), 3U);
    EXPECT_EQ(sums.per_class[0].correct, 1);
    EXPECT_EQ(sums.per_class[2].images, 1);
  }
}

TEST(Classification, BrierScoreLiesBetweenZeroAndTwo) {
  Classification right;
  right.add(logits_of({{1000, 0, 0}, {30, 0, 0}}), labels_of({0, 0}));
  EXPECT_GE(right.brier(), 0.0);
  EXPECT_NEAR(right.brier(), 0.0, 1e-15);
  Classification wrong;
  wrong.add(logits_of({{1000, 0}}), labels_of({1}));
  EXPECT_EQ(wrong.brier(), 2.0);
}

TEST(Classification, TakesEveryFloatingTypeAndLayout) {
  const auto expected = golden("classification.json")["cases"][1];
  const at::Tensor logits = logits_of(expected["logits"]);  // multiples of 1/64: exact in every type but bfloat16
  for (const auto type : {at::kFloat, at::kHalf}) {
    Classification sums;
    sums.add(logits.to(type).t().contiguous().t(), labels_of(expected["labels"]));
    expect_metrics(sums, expected);
  }
  Classification rounded;
  rounded.add(logits.to(at::kBFloat16), labels_of(expected["labels"]));
  EXPECT_NEAR(rounded.nll(), expected["nll"], 0.01);
}

TEST(Classification, FirstOfEqualLogitsWins) {
  Classification sums;
  const auto predictions = sums.add(at::zeros({7, 7}), at::arange(7, at::kLong));
  for (const Prediction& prediction : predictions) {
    EXPECT_EQ(prediction.index, 0);
    EXPECT_NEAR(prediction.confidence, 1.0 / 7, 1e-15);
  }
  EXPECT_EQ(sums.top1_correct, 1);
  EXPECT_EQ(sums.top5_correct, 5);
}

TEST(Classification, ImagesWithoutSoftmaxAreWrongAndPoisonNothing) {
  Classification sums;
  const auto predictions =
      sums.add(logits_of({{2, 1}, {kNan, 1}, {1, kNan}, {kInf, 0}, {-kInf, -kInf}}), labels_of({0, 0, 0, 0, 0}));
  EXPECT_EQ(sums.images, 5);
  EXPECT_EQ(sums.non_finite, 4);
  EXPECT_NEAR(sums.top1(), 0.2, 1e-15);
  EXPECT_NEAR(sums.top5(), 0.2, 1e-15);
  EXPECT_NEAR(sums.nll(), std::log1p(std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(sums.mean_confidence(), 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(sums.brier(), 2 / ((1 + std::exp(1.0)) * (1 + std::exp(1.0))), 1e-12);
  EXPECT_NEAR(sums.ece(), 1 - 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_EQ(predictions[1].index, -1);
  EXPECT_TRUE(std::isnan(predictions[1].confidence));
}

TEST(Classification, MinusInfinityExcludesAClassAndIsNoFault) {
  Classification sums;
  const auto predictions = sums.add(logits_of({{-kInf, 3}}), labels_of({1}));
  EXPECT_EQ(sums.non_finite, 0);
  EXPECT_EQ(predictions[0].index, 1);
  EXPECT_EQ(predictions[0].confidence, 1.0);
  EXPECT_EQ(sums.nll(), 0.0);
  EXPECT_EQ(sums.ece(), 0.0);
}

TEST(Classification, HugeLogitsDoNotOverflow) {
  Classification sums;
  sums.add(logits_of({{1e30, -1e30}, {1e4, 1e4 - 1}}), labels_of({0, 0}));
  EXPECT_EQ(sums.non_finite, 0);
  EXPECT_NEAR(sums.nll(), std::log1p(std::exp(-1.0)) / 2, 1e-9);
}

TEST(Classification, NothingSeenIsNotANumber) {
  Classification sums;
  EXPECT_TRUE(sums.add(at::zeros({0, 3}), labels_of({})).empty());
  for (const double value : {sums.top1(), sums.top5(), sums.nll(), sums.ece(), sums.brier(), sums.mean_class_accuracy(),
                             sums.mean_confidence(), sums.top1_interval().low, sums.top1_interval().high}) {
    EXPECT_TRUE(std::isnan(value));
  }
}

TEST(Classification, SaysWhatIsWrongWithLogits) {
  Classification sums;
  EXPECT_THAT(
      [&] {
        sums.add(at::zeros({2, 3, 4}), labels_of({0, 0}));
      },
      ThrowsMessage<ModelError>(HasSubstr("expected floating-point logits [N, classes], found float [2, 3, 4]")));
  EXPECT_THAT(
      [&] {
        sums.add(at::zeros({2, 3}, at::kLong), labels_of({0, 0}));
      },
      ThrowsMessage<ModelError>(HasSubstr("[2, 3]")));
  EXPECT_THROW(sums.add(at::Tensor(), labels_of({0})), ModelError);
}

TEST(Classification, SaysWhatIsWrongWithLabelsAndAddsNothing) {
  Classification sums;
  EXPECT_THAT(
      [&] {
        sums.add(at::zeros({2, 3}), labels_of({0, 3}));
      },
      ThrowsMessage<DataError>(HasSubstr("below the model's 3 outputs, found 3")));
  EXPECT_THROW(sums.add(at::zeros({2, 3}), labels_of({-1, 0})), DataError);
  EXPECT_THROW(sums.add(at::zeros({2, 3}), labels_of({0})), DataError);
  EXPECT_EQ(sums.images, 0);
}

TEST(WilsonInterval, EqualsScipy) {
  const auto stored = golden("classification.json");
  for (const auto& expected : stored["wilson"]) {
    const Interval interval = wilson_interval(expected[0], expected[1]);
    EXPECT_NEAR(interval.low, expected[2], 1e-12);
    EXPECT_NEAR(interval.high, expected[3], 1e-12);
  }
}

}  // namespace
}  // namespace ttscale::metrics
