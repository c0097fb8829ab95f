// SPDX-License-Identifier: MIT
// Student's t and means over repeats equal scipy's.
#include "metrics/repeats.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "golden.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using testing::golden;

TEST(StudentT, QuantilesEqualScipy) {
  const auto stored = golden("statistics.json");
  for (const auto& expected : stored["student_t"]) {
    const double quantile = expected[2];
    EXPECT_NEAR(student_t_quantile(expected[0], expected[1]), quantile, 1e-8 * std::max(1.0, std::abs(quantile)))
        << expected;
  }
}

TEST(StudentT, RefusesWhatHasNoQuantile) {
  for (const double probability : {0.0, 1.0, -0.5, std::nan("")}) {
    EXPECT_THROW(student_t_quantile(probability, 3), UsageError);
  }
  EXPECT_THROW(student_t_quantile(0.9, 0), UsageError);
}

TEST(MeanOfRepeats, EqualsScipy) {
  const auto stored = golden("statistics.json");
  for (const auto& expected : stored["repeats"]) {
    const auto values = expected["values"].get<std::vector<double>>();
    const RepeatedMean found = mean_of_repeats(values, expected["level"]);
    EXPECT_EQ(found.repeats, static_cast<std::int64_t>(values.size()));
    EXPECT_NEAR(found.mean, expected["mean"], 1e-9);
    EXPECT_NEAR(found.deviation, expected["deviation"], 1e-9);
    EXPECT_NEAR(found.interval.low, expected["interval"][0], 1e-6);
    EXPECT_NEAR(found.interval.high, expected["interval"][1], 1e-6);
  }
}

TEST(MeanOfRepeats, OneRepeatHasAMeanAndNoInterval) {
  const RepeatedMean one = mean_of_repeats({3.5});
  EXPECT_EQ(one.mean, 3.5);
  EXPECT_TRUE(std::isnan(one.deviation));
  EXPECT_TRUE(std::isnan(one.interval.low));
  EXPECT_TRUE(std::isnan(one.interval.high));
  EXPECT_TRUE(std::isnan(mean_of_repeats({}).mean));
}

TEST(MeanOfRepeats, NotANumberIsNotHidden) {
  const RepeatedMean found = mean_of_repeats({1, std::numeric_limits<double>::quiet_NaN(), 2});
  EXPECT_TRUE(std::isnan(found.mean));
  EXPECT_TRUE(std::isnan(found.deviation));
  EXPECT_TRUE(std::isnan(found.interval.low));
}

TEST(MeanOfRepeats, RefusesALevelOutsideOfItsRange) { EXPECT_THROW(mean_of_repeats({1, 2}, 95), UsageError); }

}  // namespace
}  // namespace ttscale::metrics
