// SPDX-License-Identifier: MIT
// The bootstrap of mIoU against one that draws images and adds them up one by one.
#include "metrics/paired_segmentation.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using Areas = std::vector<ClassArea>;

struct Images {
  std::vector<Areas> source;
  std::vector<Areas> adapted;
};

/// Classes come and go; the second rule finds more of each.
Images make_images(int count, int classes, unsigned seed) {
  std::mt19937 random(seed);
  Images images;
  for (int i = 0; i < count; ++i) {
    Areas source(static_cast<std::size_t>(classes));
    Areas adapted(static_cast<std::size_t>(classes));
    for (std::size_t k = 0; k < source.size(); ++k) {
      if (random() % 3 == 0) {
        continue;
      }
      const auto pixels = static_cast<std::int64_t>(random() % 100 + 1);
      source[k] = {static_cast<std::int64_t>(random() % static_cast<unsigned>(pixels)), pixels};
      adapted[k] = {std::min(pixels, source[k].intersection + static_cast<std::int64_t>(random() % 20)), pixels};
    }
    images.source.push_back(source);
    images.adapted.push_back(adapted);
  }
  return images;
}

PairedSegmentation paired(const Images& images) {
  PairedSegmentation out;
  for (std::size_t i = 0; i < images.source.size(); ++i) {
    out.add(images.source[i], images.adapted[i]);
  }
  return out;
}

/// mIoU of images, each as often as `times` says.
double slow_miou(const std::vector<Areas>& images, const std::vector<int>& times) {
  double sum = 0;
  int classes = 0;
  for (std::size_t k = 0; k < images.front().size(); ++k) {
    std::int64_t intersection = 0;
    std::int64_t union_area = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      intersection += times[i] * images[i][k].intersection;
      union_area += times[i] * images[i][k].union_area;
    }
    if (union_area > 0) {
      sum += static_cast<double>(intersection) / static_cast<double>(union_area);
      ++classes;
    }
  }
  return sum / classes;
}

double slow_difference(const Images& images, const std::vector<int>& times) {
  return slow_miou(images.adapted, times) - slow_miou(images.source, times);
}

TEST(PairedSegmentation, DifferenceIsThatOfTheMeans) {
  const Images images = make_images(30, 5, 1);
  EXPECT_NEAR(paired(images).difference(), slow_difference(images, std::vector<int>(30, 1)), 1e-12);
}

TEST(PairedSegmentation, IntervalIsThatOfImagesDrawnOneByOne) {
  const Images images = make_images(40, 6, 2);
  constexpr int kResamples = 300;  // more than a block
  std::mt19937_64 engine(9);
  std::vector<double> differences;
  for (int r = 0; r < kResamples; ++r) {
    std::vector<int> times(40);
    for (int draw = 0; draw < 40; ++draw) {
      ++times[static_cast<std::size_t>(static_cast<double>(engine() >> 11U) * 0x1p-53 * 40)];
    }
    differences.push_back(slow_difference(images, times));
  }
  std::sort(differences.begin(), differences.end());
  const Interval interval = paired(images).interval({kResamples, 9, 0.5});
  EXPECT_NEAR(interval.low, differences[75], 1e-12);
  EXPECT_NEAR(interval.high, differences[kResamples - 1 - 75], 1e-12);
}

TEST(PairedSegmentation, IntervalCoversTheTruthAboutAsOftenAsItSays) {
  const Images population = make_images(4000, 4, 3);
  const double truth = slow_difference(population, std::vector<int>(4000, 1));
  std::mt19937 random(4);
  int covered = 0;
  constexpr int kStudies = 200;
  for (int study = 0; study < kStudies; ++study) {
    PairedSegmentation sample;
    for (int i = 0; i < 60; ++i) {
      const std::size_t image = random() % 4000;
      sample.add(population.source[image], population.adapted[image]);
    }
    const Interval interval = sample.interval();
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  EXPECT_GT(covered, 0.88 * kStudies);  // 95 % of 200: 190, standard deviation 3
}

TEST(PairedSegmentation, EqualRulesDifferByNothing) {
  Images images = make_images(20, 3, 5);
  images.adapted = images.source;
  const Interval interval = paired(images).interval();
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

TEST(PairedSegmentation, SameSeedSameBits) {
  const Images images = make_images(20, 3, 6);
  EXPECT_EQ(paired(images).interval().low, paired(images).interval().low);
  EXPECT_NE(paired(images).interval({500, 1}).low, paired(images).interval({500, 2}).low);
}

TEST(PairedSegmentation, WithoutPixelsThereIsNone) {
  PairedSegmentation nothing;
  EXPECT_TRUE(std::isnan(nothing.difference()));
  EXPECT_TRUE(std::isnan(nothing.interval().low));
  nothing.add(Areas(3), Areas(3));  // an image whose pixels are all ignored
  EXPECT_EQ(nothing.images(), 1);
  EXPECT_TRUE(std::isnan(nothing.interval().high));
}

TEST(PairedSegmentation, RefusesWhatDoesNotFit) {
  PairedSegmentation sums;
  EXPECT_THAT([&] { sums.add(Areas(3), Areas(2)); }, ThrowsMessage<UsageError>(HasSubstr("found 3 and 2 classes")));
  sums.add(Areas(3), Areas(3));
  EXPECT_THAT([&] { sums.add(Areas(4), Areas(4)); }, ThrowsMessage<UsageError>(HasSubstr("found 4 and 4 classes")));
  EXPECT_THAT([&] { (void)sums.interval({0}); }, ThrowsMessage<UsageError>(HasSubstr("at least one resample")));
  EXPECT_THAT([&] { (void)sums.interval({10, 0, 1}); }, ThrowsMessage<UsageError>(HasSubstr("level between 0 and 1")));
}

}  // namespace
}  // namespace ttscale::metrics
