// SPDX-License-Identifier: MIT
// Confusion matrices and IoU equal those of torch, scikit-learn and torchmetrics.
#include "metrics/segmentation.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "golden.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::tensor_of;
using ::testing::ThrowsMessage;

at::Tensor map_of(const nlohmann::json& values) { return tensor_of(values).to(at::kLong); }

void expect_near(double found, const nlohmann::json& expected, double tolerance) {
  if (expected.is_null()) {
    EXPECT_TRUE(std::isnan(found));
  } else {
    EXPECT_NEAR(found, expected.get<double>(), tolerance);
  }
}

void expect_values(const std::vector<double>& found, const nlohmann::json& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    expect_near(found[k], expected[k], 1e-12);
  }
}

void expect_sums(const Segmentation& sums, const nlohmann::json& expected) {
  const auto classes = static_cast<std::size_t>(sums.classes);
  ASSERT_EQ(classes, expected["confusion"].size());
  for (std::size_t label = 0; label < classes; ++label) {
    for (std::size_t predicted = 0; predicted < classes; ++predicted) {
      EXPECT_EQ(sums.confusion[label * (classes + 1) + predicted], expected["confusion"][label][predicted]);
    }
  }
  expect_values(sums.class_iou(), expected["class_iou"]);
  expect_values(sums.class_accuracy(), expected["class_accuracy"]);
  expect_near(sums.mean_iou(), expected["mean_iou"], 1e-12);
  expect_near(sums.mean_iou(), expected["mean_iou_torchmetrics"], 1e-6);  // torchmetrics divides in float32
  expect_near(sums.mean_class_accuracy(), expected["mean_class_accuracy"], 1e-12);
  expect_near(sums.pixel_accuracy(), expected["pixel_accuracy"], 1e-12);
}

Segmentation ignoring(std::int64_t index) {
  Segmentation sums;
  sums.ignore_index = index;
  return sums;
}

TEST(Segmentation, EqualsOtherLibraries) {
  const auto stored = golden("segmentation.json");
  for (const auto& expected : stored["cases"]) {
    SCOPED_TRACE(expected["name"].get<std::string>());
    Segmentation sums = ignoring(expected["ignore_index"]);
    const at::Tensor labels = map_of(expected["labels"]);
    const at::Tensor predictions = sums.add(tensor_of(expected["logits"]).to(at::kFloat), labels);
    EXPECT_TRUE(at::equal(predictions, map_of(expected["predictions"])));
    EXPECT_EQ(sums.images, 3);
    EXPECT_EQ(sums.pixels(), labels.ne(sums.ignore_index).sum().item<std::int64_t>());
    expect_sums(sums, expected);
  }
}

TEST(Segmentation, BatchesAndMergesGiveTheSameAsOneBatch) {
  const auto expected = golden("segmentation.json")["cases"][1];
  const at::Tensor logits = tensor_of(expected["logits"]).to(at::kFloat);
  const at::Tensor labels = map_of(expected["labels"]);
  Segmentation sums;
  sums.merge(Segmentation());
  for (std::int64_t n = 2; n >= 0; --n) {
    Segmentation one;
    one.add(logits.narrow(0, n, 1), labels.narrow(0, n, 1));
    sums.merge(one);
    sums.merge(Segmentation());
  }
  EXPECT_EQ(sums.images, 3);
  expect_sums(sums, expected);
}

// The definition of align_corners = false, pixel by pixel.
double slow_bilinear(const at::Tensor& plane, std::int64_t y, std::int64_t x, std::int64_t height, std::int64_t width) {
  const auto place = [](std::int64_t out, std::int64_t size, std::int64_t out_size) {
    return std::max(0.0,
                    (static_cast<double>(out) + 0.5) * static_cast<double>(size) / static_cast<double>(out_size) - 0.5);
  };
  const double row = place(y, plane.size(0), height);
  const double column = place(x, plane.size(1), width);
  double value = 0;
  for (std::int64_t i = 0; i < plane.size(0); ++i) {
    for (std::int64_t j = 0; j < plane.size(1); ++j) {
      const double far_row = std::min(row, static_cast<double>(plane.size(0) - 1));
      const double far_column = std::min(column, static_cast<double>(plane.size(1) - 1));
      value += std::max(0.0, 1 - std::abs(far_row - static_cast<double>(i))) *
               std::max(0.0, 1 - std::abs(far_column - static_cast<double>(j))) * plane[i][j].item<double>();
    }
  }
  return value;
}

TEST(Segmentation, ResizesLogitsBeforeTheyAreCompared) {
  at::manual_seed(0);
  const at::Tensor logits = at::randn({1, 3, 4, 3});
  const at::Tensor predictions = predicted_classes(logits, 7, 11);
  for (std::int64_t y = 0; y < 7; ++y) {
    for (std::int64_t x = 0; x < 11; ++x) {
      std::vector<double> values;
      for (std::int64_t k = 0; k < 3; ++k) {
        values.push_back(slow_bilinear(logits[0][k], y, x, 7, 11));
      }
      EXPECT_EQ(predictions[0][y][x].item<std::int64_t>(),
                std::max_element(values.begin(), values.end()) - values.begin());
    }
  }
}

TEST(Segmentation, TakesHalfPrecisionOfAnotherSize) {
  const at::Tensor logits = at::arange(24, at::kHalf).view({1, 2, 3, 4});
  EXPECT_TRUE(at::equal(predicted_classes(logits, 6, 8), at::ones({1, 6, 8}, at::kLong)));
}

TEST(Segmentation, IgnoredPixelsCountNowhere) {
  Segmentation sums;
  sums.add_classes(map_of({{{0, 1, 1}}}), map_of({{{0, 255, 255}}}), 2);
  EXPECT_EQ(sums.pixels(), 1);
  EXPECT_EQ(sums.mean_iou(), 1.0);
  EXPECT_TRUE(std::isnan(sums.class_iou()[1]));
}

TEST(Segmentation, PredictedButNeverLabelledIsZeroAndInTheMean) {
  Segmentation sums;
  sums.add_classes(map_of({{{0, 1}}}), map_of({{{0, 0}}}), 3);
  EXPECT_EQ(sums.class_iou()[0], 0.5);
  EXPECT_EQ(sums.class_iou()[1], 0.0);
  EXPECT_TRUE(std::isnan(sums.class_iou()[2]));
  EXPECT_EQ(sums.mean_iou(), 0.25);
  EXPECT_EQ(sums.mean_class_accuracy(), 0.5);
}

TEST(Segmentation, PixelsWithoutAPredictionAreWrong) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const at::Tensor logits = at::tensor({kNan, 1.F, kInf, -kInf, 0.F, 0.F, 0.F, -kInf}).view({1, 2, 1, 4});
  Segmentation sums;
  const at::Tensor predictions = sums.add(logits, map_of({{{0, 0, 0, 255}}}));
  EXPECT_TRUE(at::equal(predictions, map_of({{{-1, 0, -1, -1}}})));
  EXPECT_EQ(sums.non_finite, 2);
  EXPECT_NEAR(sums.pixel_accuracy(), 1.0 / 3, 1e-15);
  EXPECT_NEAR(sums.mean_iou(), 1.0 / 3, 1e-15);
}

TEST(Segmentation, NothingSeenIsNotANumber) {
  const Segmentation sums;
  EXPECT_EQ(sums.pixels(), 0);
  for (const double value : {sums.pixel_accuracy(), sums.mean_iou(), sums.mean_class_accuracy()}) {
    EXPECT_TRUE(std::isnan(value));
  }
}

TEST(Segmentation, SaysWhatIsWrongAndAddsNothing) {
  Segmentation sums;
  EXPECT_THAT(
      [&] {
        sums.add(at::zeros({1, 3, 1, 2}), map_of({{{0, 3}}}));
      },
      ThrowsMessage<DataError>(HasSubstr("below the model's 3 outputs or the ignored label 255, found 3")));
  EXPECT_THAT(
      [&] {
        sums.add(at::zeros({2, 3}), map_of({{{0}}}));
      },
      ThrowsMessage<ModelError>(HasSubstr("expected floating-point logits [N, classes, H, W], found float [2, 3]")));
  EXPECT_THROW(sums.add(at::zeros({2, 3, 1, 1}), map_of({{{0}}})), DataError);
  EXPECT_THROW(sums.add(at::zeros({1, 3, 1, 1}), at::zeros({1, 1, 1})), DataError);
  EXPECT_THROW(sums.add_classes(map_of({{{3}}}), map_of({{{0}}}), 3), UsageError);
  EXPECT_THROW(sums.add_classes(map_of({{{0, 0}}}), map_of({{{0}}}), 3), UsageError);
  EXPECT_EQ(sums.classes, 0);
  sums.add(at::zeros({1, 3, 1, 1}), map_of({{{0}}}));
  EXPECT_THROW(sums.add(at::zeros({1, 4, 1, 1}), map_of({{{0}}})), ModelError);
  Segmentation other;
  other.add(at::zeros({1, 4, 1, 1}), map_of({{{0}}}));
  EXPECT_THROW(sums.merge(other), UsageError);
  EXPECT_THROW(sums.merge(ignoring(0)), UsageError);
  EXPECT_EQ(sums.images, 1);
}

}  // namespace
}  // namespace ttscale::metrics
