// SPDX-License-Identifier: MIT
// Data with some of the model's classes: the others take no part in softmax and argmax.
#include "metrics/class_subset.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <limits>

#include "golden.h"
#include "metrics/classification.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::labels_of;
using ::testing::ThrowsMessage;

TEST(ClassSubset, ScoresAsIfTheModelHadNoOtherClasses) {
  at::manual_seed(0);
  const at::Tensor logits = at::randn({40, 9}, at::kDouble);
  const at::Tensor labels = labels_of({7, 1, 4, 4, 1}).repeat({8});
  const ClassSubset subset({4, 1, 7}, 9);
  EXPECT_THAT(subset.classes(), ElementsAre(1, 4, 7));
  Classification sums;
  const auto predictions = sums.add(subset.restrict_logits(logits), subset.restrict_labels(labels));
  Classification masked;
  at::Tensor excluded = at::full({40, 9}, -std::numeric_limits<double>::infinity(), at::kDouble);
  for (const std::int64_t index : {1, 4, 7}) {
    excluded.select(1, index).copy_(logits.select(1, index));
  }
  const auto expected = masked.add(excluded, labels);
  EXPECT_EQ(sums.top1_correct, masked.top1_correct);
  EXPECT_NEAR(sums.nll(), masked.nll(), 1e-12);
  EXPECT_NEAR(sums.brier(), masked.brier(), 1e-12);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(subset.output_of(predictions[i].index), expected[i].index);
  }
}

TEST(ClassSubset, KeepsTypeAndGivesPositions) {
  const ClassSubset subset({5, 2}, 6);
  const at::Tensor logits = subset.restrict_logits(at::arange(12, at::kHalf).view({2, 6}));
  EXPECT_EQ(logits.scalar_type(), at::kHalf);
  EXPECT_TRUE(at::equal(logits.to(at::kLong), labels_of({2, 5, 8, 11}).view({2, 2})));
  const at::Tensor labels = labels_of({5, 2, 5});
  EXPECT_TRUE(at::equal(subset.restrict_labels(labels), labels_of({1, 0, 1})));
  EXPECT_TRUE(at::equal(labels, labels_of({5, 2, 5})));
  EXPECT_EQ(subset.output_of(-1), -1);
}

TEST(ClassSubset, RefusesClassesThatDoNotFit) {
  EXPECT_THAT(
      [] {
        ClassSubset({0, 1000}, 1000);
      },
      ThrowsMessage<DataError>(HasSubstr("below the model's 1000 outputs, found 1000")));
  EXPECT_THAT([] { ClassSubset({3, 1, 3}, 9); }, ThrowsMessage<DataError>(HasSubstr("found 3 twice")));
  EXPECT_THROW(ClassSubset({}, 9), DataError);
}

TEST(ClassSubset, RefusesLogitsAndLabelsThatDoNotFit) {
  const ClassSubset subset({1, 3}, 5);
  EXPECT_THAT(
      [&] {
        (void)subset.restrict_logits(at::zeros({2, 4}));
      },
      ThrowsMessage<ModelError>(HasSubstr("expected logits [N, 5], found float [2, 4]")));
  EXPECT_THAT(
      [&] {
        (void)subset.restrict_labels(labels_of({1, 2}));
      },
      ThrowsMessage<DataError>(HasSubstr("among its 2 classes, found 2")));
  EXPECT_THROW((void)subset.restrict_labels(labels_of({5})), DataError);
  EXPECT_THROW((void)subset.restrict_labels(at::zeros({2})), DataError);
  EXPECT_THROW((void)subset.output_of(2), UsageError);
}

}  // namespace
}  // namespace ttscale::metrics
