// SPDX-License-Identifier: MIT
// mCE and relative mCE: published numbers, and what happens when something is missing.
#include "metrics/corruption_error.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

// Every severity of a kind has the same error.
std::map<std::string, SeverityErrors> constant(const std::vector<double>& errors) {
  std::map<std::string, SeverityErrors> result;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    for (std::int64_t severity = 1; severity <= 5; ++severity) {
      result[standard_corruptions()[i]][severity] = errors[i];
    }
  }
  return result;
}

const std::vector<double> kAlexNet = {0.886428, 0.894468, 0.922640, 0.819880, 0.826268, 0.785948, 0.798360, 0.866816,
                                      0.826572, 0.819324, 0.564592, 0.853204, 0.646056, 0.717840, 0.606500};

TEST(CorruptionError, OfAlexNetIsOne) {
  const CorruptionError found = corruption_error(constant(kAlexNet), 0.435);
  ASSERT_TRUE(found.mean && found.relative_mean);
  EXPECT_NEAR(*found.mean, 1, 1e-12);
  EXPECT_NEAR(*found.relative_mean, 1, 1e-12);
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_THAT(found.ignored, IsEmpty());
}

// Table 1 of the paper: CE of ResNet-50 by kind in units of AlexNet / 100, rounded to whole numbers, and what follows
// from them: mCE 76.7, as on the leaderboard of github.com/hendrycks/robustness (clean error 23.85 %), and relative mCE
// 105.0. Errors are made from the CE, so that the mean is what is tested.
TEST(CorruptionError, OfResNet50IsThatOfThePaper) {
  const std::vector<double> ratios = {80, 82, 83, 75, 89, 78, 80, 78, 75, 66, 57, 71, 85, 77, 77};
  std::vector<double> errors;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    errors.push_back(ratios[i] / 100 * kAlexNet[i]);
  }
  const CorruptionError found = corruption_error(constant(errors), 0.239);
  EXPECT_NEAR(100 * *found.mean, 76.7, 0.5);
  EXPECT_NEAR(100 * *found.relative_mean, 105.0, 1.0);
}

TEST(CorruptionError, SumsSeveritiesBeforeTheRatio) {
  auto errors = constant(kAlexNet);
  errors["fog"] = {{1, 0.1}, {2, 0.2}, {3, 0.3}, {4, 0.4}, {5, 0.5}};
  const CorruptionError found = corruption_error(errors, 0.25);
  EXPECT_NEAR(found.by_kind.at("fog"), 1.5 / (5 * 0.819324), 1e-12);
  EXPECT_NEAR(found.relative_by_kind.at("fog"), (1.5 - 5 * 0.25) / (5 * (0.819324 - 0.435)), 1e-12);
  EXPECT_NEAR(*found.mean, (14 + found.by_kind.at("fog")) / 15, 1e-12);
}

TEST(CorruptionError, SaysWhatIsMissingInPlaceOfANumber) {
  auto errors = constant(kAlexNet);
  errors.erase("snow");
  errors["fog"].erase(4);
  errors["frost"][2] = std::nan("");
  errors["speckle_noise"][1] = 0.5;
  const CorruptionError found = corruption_error(errors, 0.3);
  EXPECT_FALSE(found.mean);
  EXPECT_FALSE(found.relative_mean);
  EXPECT_THAT(found.missing, ElementsAre("snow", "frost/2", "fog/4"));
  EXPECT_THAT(found.ignored, ElementsAre("speckle_noise"));
  EXPECT_EQ(found.by_kind.size(), 12U);
  EXPECT_EQ(found.relative_by_kind.size(), 12U);
}

TEST(CorruptionError, WithoutTheCleanErrorThereIsNoRelativeOne) {
  for (const auto& clean : {std::optional<double>(), std::optional<double>(std::nan(""))}) {
    const CorruptionError found = corruption_error(constant(kAlexNet), clean);
    EXPECT_TRUE(found.mean);
    EXPECT_FALSE(found.relative_mean);
    EXPECT_THAT(found.relative_by_kind, IsEmpty());
  }
}

TEST(CorruptionError, RefusesPercentAndUnknownSeverities) {
  EXPECT_THAT(
      [] {
        corruption_error({{"fog", {{1, 57.5}}}});
      },
      ThrowsMessage<UsageError>(HasSubstr("expected an error of 0 to 1 for fog/1, found 57.5")));
  EXPECT_THAT(
      [] {
        corruption_error({{"fog", {{6, 0.5}}}});
      },
      ThrowsMessage<UsageError>(HasSubstr("expected severities 1 to 5, found fog/6")));
  EXPECT_THROW(corruption_error({}, 23.9), UsageError);
}

}  // namespace
}  // namespace ttscale::metrics
