// SPDX-License-Identifier: MIT
// What holds for every input: sums do not depend on the order of the images nor on how they were grouped and merged.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "metrics/adaptive_calibration.h"
#include "metrics/classification.h"
#include "metrics/paired.h"
#include "metrics/segmentation.h"

namespace ttscale::metrics {
namespace {

// Everything that evaluation adds up.
struct Sums {
  Classification source;
  Classification adapted;
  AdaptiveCalibration calibration;
  PairedCounts paired;
  Segmentation segmentation;

  void merge(const Sums& other) {
    source.merge(other.source);
    adapted.merge(other.adapted);
    calibration.merge(other.calibration);
    paired.merge(other.paired);
    segmentation.merge(other.segmentation);
  }
};

// Images of one data set; some logits are NaN.
struct Images {
  at::Tensor source;   // [N, K]
  at::Tensor adapted;  // [N, K]
  at::Tensor labels;   // [N]
  at::Tensor maps;     // logits [N, K, 3, 4]
  at::Tensor classes;  // [N, 5, 6]

  [[nodiscard]] std::int64_t size() const { return labels.size(0); }
  [[nodiscard]] Images take(const std::vector<std::int64_t>& order) const {
    const at::Tensor index = at::tensor(order, at::kLong);
    return {source.index_select(0, index), adapted.index_select(0, index), labels.index_select(0, index),
            maps.index_select(0, index), classes.index_select(0, index)};
  }
};

Images random_images(std::uint64_t seed) {
  constexpr std::int64_t kImages = 60;
  constexpr std::int64_t kClasses = 7;
  at::manual_seed(seed);
  Images images;
  images.source = at::randn({kImages, kClasses}).mul(2).round().div(2);  // ties among logits and confidences
  images.adapted = at::randn({kImages, kClasses}).mul(2).round().div(2);
  images.adapted[3][2] = std::numeric_limits<float>::quiet_NaN();
  images.labels = at::randint(kClasses, {kImages}, at::kLong);
  images.maps = at::randn({kImages, kClasses, 3, 4});
  images.classes = at::randint(kClasses, {kImages, 5, 6}, at::kLong);
  images.classes.masked_fill_(at::rand({kImages, 5, 6}).lt(0.2), kIgnoreIndex);
  return images;
}

Sums sums_of(const Images& images) {
  Sums sums;
  const auto source = sums.source.add(images.source, images.labels);
  const auto adapted = sums.adapted.add(images.adapted, images.labels);
  sums.calibration.add(adapted, images.labels);
  sums.paired.add(source, adapted, images.labels);
  sums.segmentation.add(images.maps, images.classes);
  return sums;
}

void expect_same(const Classification& a, const Classification& b) {
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.non_finite, b.non_finite);
  EXPECT_EQ(a.top1_correct, b.top1_correct);
  EXPECT_EQ(a.top5_correct, b.top5_correct);
  EXPECT_NEAR(a.nll(), b.nll(), 1e-12);
  EXPECT_NEAR(a.brier(), b.brier(), 1e-12);
  EXPECT_NEAR(a.ece(), b.ece(), 1e-12);
  EXPECT_EQ(a.mean_class_accuracy(), b.mean_class_accuracy());
}

void expect_same(const Sums& a, const Sums& b) {
  expect_same(a.source, b.source);
  expect_same(a.adapted, b.adapted);
  EXPECT_EQ(a.calibration.error(), b.calibration.error());  // the same bits
  EXPECT_EQ(a.paired.both_right, b.paired.both_right);
  EXPECT_EQ(a.paired.repaired, b.paired.repaired);
  EXPECT_EQ(a.paired.broken, b.paired.broken);
  EXPECT_EQ(a.paired.changed(), b.paired.changed());
  EXPECT_EQ(a.segmentation.confusion, b.segmentation.confusion);
  EXPECT_EQ(a.segmentation.images, b.segmentation.images);
}

std::vector<std::int64_t> shuffled(std::int64_t count, std::mt19937& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

// Parts of 0 to 9 images in any order, merged pair by pair in any order.
Sums merged_in_parts(const Images& images, std::mt19937& random) {
  const std::vector<std::int64_t> order = shuffled(images.size(), random);
  std::vector<Sums> parts;
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t end = std::min(order.size(), begin + 1 + random() % 9);
    parts.push_back(sums_of(images.take(
        {order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end)})));
    begin = end;
    if (random() % 3 == 0) {
      parts.emplace_back();  // sums that have seen nothing
    }
  }
  while (parts.size() > 1) {
    std::swap(parts[random() % parts.size()], parts.back());
    const Sums last = parts.back();
    parts.pop_back();
    parts[random() % parts.size()].merge(last);
  }
  return parts.front();
}

TEST(Sums, OrderAndGroupingDoNotMatter) {
  std::mt19937 random(3);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Images images = random_images(seed);
    const Sums expected = sums_of(images);
    expect_same(sums_of(images.take(shuffled(images.size(), random))), expected);
    expect_same(merged_in_parts(images, random), expected);
  }
}

TEST(Sums, PairsAgreeWithTheSumsOfEachRule) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Sums sums = sums_of(random_images(seed));
    EXPECT_EQ(sums.paired.both_right + sums.paired.broken, sums.source.top1_correct);
    EXPECT_EQ(sums.paired.both_right + sums.paired.repaired, sums.adapted.top1_correct);
    EXPECT_NEAR(sums.paired.difference(), sums.adapted.top1() - sums.source.top1(), 1e-15);
    EXPECT_EQ(sums.calibration.images(), sums.adapted.images - sums.adapted.non_finite);
  }
}

TEST(Sums, RenamingClassesMovesTheirIouAndKeepsTheMean) {
  std::mt19937 random(4);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Images images = random_images(seed);
    const std::vector<std::int64_t> order = shuffled(images.maps.size(1), random);  // new class i was order[i]
    std::vector<std::int64_t> renamed(256, kIgnoreIndex);
    for (std::size_t i = 0; i < order.size(); ++i) {
      renamed[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
    }
    Segmentation before;
    before.add(images.maps, images.classes);
    Segmentation after;
    after.add(images.maps.index_select(1, at::tensor(order, at::kLong)),
              at::tensor(renamed, at::kLong).take(images.classes));
    for (std::size_t i = 0; i < order.size(); ++i) {
      EXPECT_EQ(after.class_iou()[i], before.class_iou()[static_cast<std::size_t>(order[i])]);
    }
    EXPECT_NEAR(after.mean_iou(), before.mean_iou(), 1e-15);
  }
}

}  // namespace
}  // namespace ttscale::metrics
