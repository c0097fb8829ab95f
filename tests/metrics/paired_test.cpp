// SPDX-License-Identifier: MIT
// Pairs of rules: counts, McNemar's test against scipy, the bootstrap against one that draws images.
#include "metrics/paired.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "golden.h"
#include "metrics/binomial.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using testing::golden;
using testing::labels_of;

std::vector<Prediction> predictions_of(const std::vector<std::int64_t>& classes) {
  std::vector<Prediction> predictions;
  for (const std::int64_t index : classes) {
    predictions.push_back({index, 0.5});
  }
  return predictions;
}

PairedCounts counts_of(std::int64_t both_right, std::int64_t repaired, std::int64_t broken, std::int64_t both_wrong) {
  PairedCounts counts;
  counts.both_right = both_right;
  counts.repaired = repaired;
  counts.broken = broken;
  counts.both_wrong_same = both_wrong;
  return counts;
}

TEST(PairedCounts, TellsWhatTheSecondRuleChanged) {
  PairedCounts counts;
  counts.add(predictions_of({0, 0, 1, 1, 1, 1, -1, -1}), predictions_of({0, 1, 0, 1, 2, 2, -1, 1}),
             labels_of({0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(counts.both_right, 1);
  EXPECT_EQ(counts.broken, 1);
  EXPECT_EQ(counts.repaired, 1);
  EXPECT_EQ(counts.both_wrong_same, 2);
  EXPECT_EQ(counts.both_wrong_different, 3);
  EXPECT_EQ(counts.changed(), 5);
  EXPECT_EQ(counts.images(), 8);
  EXPECT_EQ(counts.difference(), 0);
}

TEST(PairedCounts, MergesBatches) {
  PairedCounts counts;
  counts.add(predictions_of({0, 1}), predictions_of({0, 0}), labels_of({0, 0}));
  PairedCounts other;
  other.add(predictions_of({0, 2, 3}), predictions_of({1, 2, 1}), labels_of({0, 0, 0}));
  counts.merge(other);
  PairedCounts all;
  all.add(predictions_of({0, 1, 0, 2, 3}), predictions_of({0, 0, 1, 2, 1}), labels_of({0, 0, 0, 0, 0}));
  EXPECT_EQ(counts.both_right, all.both_right);
  EXPECT_EQ(counts.repaired, all.repaired);
  EXPECT_EQ(counts.broken, all.broken);
  EXPECT_EQ(counts.both_wrong_same, all.both_wrong_same);
  EXPECT_EQ(counts.both_wrong_different, all.both_wrong_different);
}

TEST(PairedCounts, RefusesBatchesOfDifferentLength) {
  PairedCounts counts;
  EXPECT_THROW(counts.add(predictions_of({0}), predictions_of({0, 1}), labels_of({0})), UsageError);
  EXPECT_THROW(counts.add(predictions_of({0}), predictions_of({0}), labels_of({0, 1})), UsageError);
  EXPECT_EQ(counts.images(), 0);
  EXPECT_TRUE(std::isnan(counts.difference()));
}

TEST(McNemar, EqualsScipy) {
  const auto stored = golden("statistics.json");
  for (const auto& expected : stored["mcnemar"]) {
    const double p = expected[2];
    EXPECT_NEAR(mcnemar_p(counts_of(7, expected[0], expected[1], 3)) / p, 1, 1e-9) << expected;
  }
}

// Cumulative probabilities term by term, in logarithms.
std::int64_t slow_draw(double uniform, std::int64_t trials, double rate) {
  const auto n = static_cast<double>(trials);
  double cumulative = 0;
  for (std::int64_t k = 0; k < trials; ++k) {
    const auto x = static_cast<double>(k);
    cumulative += std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) + x * std::log(rate) +
                           (n - x) * std::log1p(-rate));
    if (cumulative > uniform) {
      return k;
    }
  }
  return trials;
}

TEST(BinomialTable, DrawsByTheInverseOfTheDistribution) {
  for (const auto& [trials, successes, total] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 3}, {10, 1, 2}, {50, 1, 50}, {3000, 211, 1000}}) {
    const BinomialTable table(trials, successes, total);
    for (int i = 0; i < 997; ++i) {
      const double uniform = (i + 0.5) / 997;
      EXPECT_EQ(table.draw(uniform),
                slow_draw(uniform, trials, static_cast<double>(successes) / static_cast<double>(total)))
          << trials << " at " << uniform;
    }
  }
}

TEST(BinomialTable, CertainOutcomesAreDrawnAlways) {
  for (const double uniform : {0.0, 0.5, 1 - 0x1p-53}) {
    EXPECT_EQ(BinomialTable(9, 0, 4).draw(uniform), 0);
    EXPECT_EQ(BinomialTable(9, 4, 4).draw(uniform), 9);
    EXPECT_EQ(BinomialTable(0, 1, 4).draw(uniform), 0);
  }
}

// Draws images, as the bootstrap is defined.
std::vector<std::int64_t> bootstrap_of_images(const PairedCounts& counts, std::size_t resamples) {
  std::vector<std::int64_t> images(static_cast<std::size_t>(counts.images()), 0);
  std::fill_n(images.begin(), counts.repaired, 1);
  std::fill_n(images.begin() + counts.repaired, counts.broken, -1);
  std::mt19937_64 random(5);
  std::vector<std::int64_t> differences(resamples, 0);
  for (std::int64_t& difference : differences) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      difference += images[random() % images.size()];
    }
  }
  return differences;
}

TEST(Bootstrap, HasTheDistributionOfResampledImages) {
  for (const PairedCounts& counts : {counts_of(40, 15, 5, 20), counts_of(100, 0, 2, 20), counts_of(2, 9, 8, 1)}) {
    const auto images = static_cast<double>(counts.images());
    const std::vector<std::int64_t> reference = bootstrap_of_images(counts, 20000);
    const auto share = [&](auto condition) {
      return static_cast<double>(std::count_if(reference.begin(), reference.end(), condition)) / 20000;
    };
    for (const double level : {0.1, 0.5, 0.8, 0.9, 0.95, 0.99}) {
      const Interval interval = bootstrap_interval(counts, {20000, 1, level});
      const std::int64_t low = std::llround(interval.low * images);
      const std::int64_t high = std::llround(interval.high * images);
      const double tail = (1 - level) / 2;
      const double chance = 4 * std::sqrt(2 * tail * (1 - tail) / 20000);  // both sides were drawn
      EXPECT_LE(share([&](std::int64_t d) { return d < low; }), tail + chance) << level;
      EXPECT_GE(share([&](std::int64_t d) { return d <= low; }), tail - chance) << level;
      EXPECT_LE(share([&](std::int64_t d) { return d > high; }), tail + chance) << level;
      EXPECT_GE(share([&](std::int64_t d) { return d >= high; }), tail - chance) << level;
    }
  }
}

TEST(Bootstrap, EqualsScipyUpToChance) {
  const auto stored = golden("statistics.json");
  for (const auto& expected : stored["bootstrap"]) {
    const auto& counts = expected["counts"];
    const PairedCounts paired = counts_of(counts[0], counts[1], counts[2], counts[3]);
    const Interval interval = bootstrap_interval(paired);
    const double step = expected["steps"].get<double>() / static_cast<double>(paired.images());
    EXPECT_NEAR(interval.low, expected["interval"][0], step) << expected;
    EXPECT_NEAR(interval.high, expected["interval"][1], step) << expected;
  }
}

TEST(Bootstrap, SameSeedSameNumbers) {
  const PairedCounts counts = counts_of(3000, 250, 150, 1600);
  const Interval first = bootstrap_interval(counts);
  const Interval second = bootstrap_interval(counts);
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
}

TEST(Bootstrap, NothingChangedIsCertain) {
  const Interval interval = bootstrap_interval(counts_of(5, 0, 0, 5));
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
  const Interval all = bootstrap_interval(counts_of(0, 4, 0, 0));
  EXPECT_EQ(all.low, 1);
  EXPECT_EQ(all.high, 1);
  EXPECT_TRUE(std::isnan(bootstrap_interval({}).low));
}

TEST(Bootstrap, RefusesOptionsThatCannotBeUsed) {
  EXPECT_THROW(bootstrap_interval({}, {0, 0, 0.95}), UsageError);
  EXPECT_THROW(bootstrap_interval({}, {10, 0, 1.0}), UsageError);
  EXPECT_THROW(bootstrap_interval({}, {10, 0, std::nan("")}), UsageError);
}

}  // namespace
}  // namespace ttscale::metrics
