// SPDX-License-Identifier: MIT
// Where the mean corruption error is said, and where it would mean nothing.
#include "report/corruption.h"

#include <gmock/gmock.h>

#include "example.h"
#include "metrics/corruption_error.h"

namespace ttscale::report {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// Source on the 15 kinds of ImageNet-C at all severities, with ImageNet's number of classes.
eval::EvalResult imagenet_c() {
  std::vector<std::string> domains;
  for (const std::string& kind : metrics::standard_corruptions()) {
    for (int severity = 1; severity <= 5; ++severity) {
      domains.push_back(kind + "/" + std::to_string(severity));
    }
  }
  eval::EvalResult result = make_result(domains, {"source"}, std::vector<std::vector<double>>(domains.size(), {50}));
  result.plan.classes.assign(1000, "class");
  return result;
}

TEST(Corruption, ImageNetCHasItsMeanError) {
  const auto rows = corruption_rows(imagenet_c());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.front().first, "source");
  EXPECT_THAT(rows.front().second, StartsWith("mCE "));
  EXPECT_THAT(rows.front().second, EndsWith(" % (AlexNet is 100)"));
}

TEST(Corruption, OtherClassesCannotBeSetAgainstAlexNet) {
  eval::EvalResult result = imagenet_c();
  result.plan.classes.resize(10);
  EXPECT_THAT(corruption_rows(result), IsEmpty());
}

TEST(Corruption, ShiftsOnTheFlyAreMadeAtAnotherSize) {
  eval::EvalResult result = imagenet_c();
  result.plan.shifts = "imagenet-c";
  EXPECT_THAT(corruption_rows(result), IsEmpty());
}

TEST(Corruption, PartsAndMissingSeveritiesHaveNone) {
  eval::EvalResult result = imagenet_c();
  result.plan.shard = {1, 2};
  EXPECT_THAT(corruption_rows(result), IsEmpty());
  result.plan.shard = {};
  result.cells.pop_back();
  EXPECT_THAT(corruption_rows(result), IsEmpty());
}

}  // namespace
}  // namespace ttscale::report
