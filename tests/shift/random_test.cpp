// SPDX-License-Identifier: MIT
// The random numbers against what their distributions promise. Seeds are fixed, so that no test fails by chance.
#include "shift/random.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "shift/poisson.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

using ::testing::HasSubstr;
using ttscale::testing::message_of;

template <typename Draw>
std::vector<double> draw_many(int count, Draw draw) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) {
    values.push_back(static_cast<double>(draw()));
  }
  return values;
}

/// The mean of (x - centre)^power.
double moment(const std::vector<double>& values, double centre, int power) {
  double sum = 0;
  for (const double value : values) {
    sum += std::pow(value - centre, power);
  }
  return sum / static_cast<double>(values.size());
}

double share_below(const std::vector<double>& values, double bound) {
  const auto below = std::count_if(values.begin(), values.end(), [bound](double value) { return value < bound; });
  return static_cast<double>(below) / static_cast<double>(values.size());
}

constexpr int kDraws = 4'000'000;

TEST(Random, IsTheSameEverywhere) {
  Random random(42);
  EXPECT_EQ(random.bits(), 15021278609987233951U);
  EXPECT_EQ(random.bits(), 5881210131331364753U);
  EXPECT_NE(Random(42).bits(), Random(43).bits());
}

TEST(Random, UniformNumbersFillTheirRangeEvenly) {
  Random random(1);
  const auto values = draw_many(kDraws, [&random] { return random.uniform(-3, 5); });
  EXPECT_GE(*std::min_element(values.begin(), values.end()), -3.0);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 5.0);
  for (double bound = -2; bound < 5; ++bound) {
    EXPECT_NEAR(share_below(values, bound), (bound + 3) / 8, 0.001);
  }
}

TEST(Random, WholeNumbersAreDrawnEvenly) {
  Random random(2);
  const auto values = draw_many(kDraws, [&random] { return random.below(5); });
  for (int bound = 0; bound <= 5; ++bound) {
    EXPECT_NEAR(share_below(values, bound), bound / 5.0, 0.001);
  }
}

// Shares under the bell curve, from its middle to a tail that the ziggurat draws by another method.
TEST(Random, NormalNumbersFollowTheBellCurve) {
  Random random(3);
  const auto values = draw_many(kDraws, [&random] { return random.normal(); });
  const double root = std::sqrt(kDraws);
  EXPECT_NEAR(moment(values, 0, 1), 0, 4 / root);
  EXPECT_NEAR(moment(values, 0, 2), 1, 4 * std::sqrt(2) / root);
  EXPECT_NEAR(moment(values, 0, 3), 0, 4 * std::sqrt(15) / root);
  EXPECT_NEAR(moment(values, 0, 4), 3, 4 * std::sqrt(96) / root);
  for (double bound = -4.0; bound <= 4.0; bound += 0.125) {
    const double expected = 0.5 * std::erfc(-bound / std::sqrt(2));
    EXPECT_NEAR(share_below(values, bound), expected, 4.5 * std::sqrt(expected * (1 - expected)) / root) << bound;
  }
}

TEST(Poisson, MeanAndVarianceAreTheRate) {
  for (const double rate : {0.01, 0.5, 3.0, 12.0, 60.0, 500.0, 700.0}) {
    Random random(4);
    const Poisson poisson(rate);
    const int draws = 400'000;
    const auto values = draw_many(draws, [&] { return poisson(random); });
    EXPECT_NEAR(moment(values, 0, 1), rate, 4 * std::sqrt(rate / draws)) << rate;
    EXPECT_NEAR(moment(values, rate, 2), rate, 4 * std::sqrt((rate + 2 * rate * rate) / draws)) << rate;
  }
}

TEST(Poisson, EachCountHasItsProbability) {
  Random random(5);
  const Poisson poisson(4.5);
  const auto values = draw_many(kDraws, [&] { return poisson(random); });
  double probability = std::exp(-4.5);
  double sum = 0;
  for (int count = 0; count < 20; ++count) {
    EXPECT_NEAR(share_below(values, count), sum, 4.5 * std::sqrt(sum * (1 - sum) / kDraws) + 1e-12) << count;
    sum += probability;
    probability *= 4.5 / (count + 1);
  }
}

TEST(Poisson, RateZeroIsDark) {
  Random random(6);
  const Poisson poisson(0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(poisson(random), 0);
  }
}

TEST(Poisson, RatesBeyondItsTablesAreRefused) {
  for (const double rate : {-1.0, 701.0, std::nan("")}) {
    EXPECT_THAT(message_of<UsageError>([rate] { Poisson{rate}; }), HasSubstr("expected a rate of 0 to 700"));
  }
}

}  // namespace
}  // namespace ttscale::shift
