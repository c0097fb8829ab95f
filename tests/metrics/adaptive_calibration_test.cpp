// SPDX-License-Identifier: MIT
// Equal-mass calibration error against numpy's quantiles and against a version that looks at each image and bin.
#include "metrics/adaptive_calibration.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "golden.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using testing::golden;
using testing::labels_of;
using testing::tensor_of;

// Predictions of class 0 with these confidences; label 0 where they are right.
struct Images {
  std::vector<Prediction> predictions;
  std::vector<std::int64_t> labels;
};

AdaptiveCalibration collect(const Images& images) {
  AdaptiveCalibration calibration;
  calibration.add(images.predictions, labels_of(images.labels));
  return calibration;
}

// Few different confidences: many ties.
Images random_images(std::size_t count, int levels, unsigned seed) {
  std::mt19937 random(seed);
  Images images;
  for (std::size_t i = 0; i < count; ++i) {
    images.predictions.push_back(
        {0, (1 + static_cast<int>(random() % static_cast<unsigned>(levels))) / (levels + 1.0)});
    images.labels.push_back(static_cast<std::int64_t>(random() % 3 == 0));
  }
  return images;
}

// The definition, word for word: an edge is the smallest confidence that at least bin/bins of the images do not exceed.
float edge_of(const Images& images, std::int64_t bin, std::int64_t bins) {
  float edge = 2;
  for (const Prediction& candidate : images.predictions) {
    const auto value = static_cast<float>(candidate.confidence);
    const auto below = std::count_if(images.predictions.begin(), images.predictions.end(),
                                     [value](const auto& p) { return static_cast<float>(p.confidence) <= value; });
    if (below * bins >= bin * static_cast<std::int64_t>(images.predictions.size())) {
      edge = std::min(edge, value);
    }
  }
  return edge;
}

double slow_error(const Images& images, std::int64_t bins) {
  double error = 0;
  for (std::int64_t bin = 1; bin <= bins; ++bin) {
    const float low = bin == 1 ? -1 : edge_of(images, bin - 1, bins);
    const float high = edge_of(images, bin, bins);
    double gap = 0;
    for (std::size_t i = 0; i < images.labels.size(); ++i) {
      const auto confidence = static_cast<float>(images.predictions[i].confidence);
      if (confidence > low && confidence <= high) {
        gap += (images.labels[i] == 0 ? 1 : 0) - static_cast<double>(confidence);
      }
    }
    error += std::abs(gap);
  }
  return error / static_cast<double>(images.labels.size());
}

TEST(AdaptiveCalibration, EqualsNumpyQuantiles) {
  const auto stored = golden("classification.json");
  for (const auto& expected : stored["cases"]) {
    SCOPED_TRACE(expected["name"].get<std::string>());
    Classification sums;
    AdaptiveCalibration calibration;
    const at::Tensor labels = labels_of(expected["labels"]);
    calibration.add(sums.add(tensor_of(expected["logits"]), labels), labels);
    for (const auto& [bins, error] : expected["adaptive"].items()) {
      EXPECT_NEAR(calibration.error(std::stoll(bins)), error, 1e-12) << bins;
    }
  }
}

TEST(AdaptiveCalibration, EqualsTheDefinitionWhateverTheTies) {
  for (const int levels : {1, 2, 7, 1000}) {
    for (const std::size_t count : {1U, 2U, 14U, 15U, 97U}) {
      const Images images = random_images(count, levels, static_cast<unsigned>(levels) + static_cast<unsigned>(count));
      for (const std::int64_t bins : {1, 2, 15, 40}) {
        EXPECT_NEAR(collect(images).error(bins), slow_error(images, bins), 1e-12)
            << levels << " levels, " << count << " images, " << bins << " bins";
      }
    }
  }
}

TEST(AdaptiveCalibration, OrderAndGroupingOfImagesDoNotMatter) {
  Images images = random_images(200, 9, 1);
  const double expected = collect(images).error();
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    Images shuffled;
    std::vector<std::size_t> order(images.labels.size());
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), random);
    AdaptiveCalibration parts;
    for (const std::size_t i : order) {
      parts.merge(collect({{images.predictions[i]}, {images.labels[i]}}));
    }
    EXPECT_EQ(parts.error(), expected);
  }
}

TEST(AdaptiveCalibration, ImagesWithoutSoftmaxAreLeftOut) {
  const AdaptiveCalibration calibration = collect({{{0, 0.75}, {}}, {0, 0}});
  EXPECT_EQ(calibration.images(), 1);
  EXPECT_NEAR(calibration.error(), 0.25, 1e-12);
}

TEST(AdaptiveCalibration, MergesItself) {
  AdaptiveCalibration calibration = collect({{{0, 0.75}}, {0}});
  calibration.merge(calibration);
  EXPECT_EQ(calibration.images(), 2);
}

TEST(AdaptiveCalibration, RefusesWhatItCannotUse) {
  AdaptiveCalibration calibration;
  EXPECT_TRUE(std::isnan(calibration.error()));
  EXPECT_THROW((void)calibration.error(0), UsageError);
  EXPECT_THROW(calibration.add({{0, 0.5}}, labels_of({0, 1})), UsageError);
  EXPECT_THROW(calibration.add({{0, 0.5}}, at::zeros({1})), UsageError);
}

}  // namespace
}  // namespace ttscale::metrics
