// SPDX-License-Identifier: MIT
// RobustBench's layout: https://github.com/RobustBench/robustbench, model_info/*/corruptions/unaggregated_results.csv.
#include "report/robustbench.h"

#include <gmock/gmock.h>

#include "report/results.h"
#include "sample_result.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

using ::testing::HasSubstr;

eval::EvalResult with_rates(SampleOptions options, const std::vector<double>& rates) {
  eval::EvalResult result = make_sample(options);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    result.cells[i].scores.top1 = rates[i];
    result.cells[i].scores.images = 5000;
  }
  return result;
}

SampleOptions two_severities() {
  SampleOptions options;
  options.domains = {"fog/1", "fog/5"};
  options.rules = {"source", "ema:momentum=0.1,mixing=total"};
  return options;
}

std::string message_of(const eval::EvalResult& result) {
  try {
    to_robustbench_csv(result);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(RobustBench, HasTwoHeaderRowsAndARowARule) {
  // 57.28 % of 5000 images: 100 * 2864 / 5000 / 100 is not 0.5728 in binary, 2864 / 5000 is.
  EXPECT_EQ(to_robustbench_csv(with_rates(two_severities(), {57.28, 60, 100, 0})),
            ",fog,fog\n"
            ",1,5\n"
            "source,0.5728,1\n"
            "\"ema:momentum=0.1,mixing=total\",0.6,0\n");
}

TEST(RobustBench, UnfinishedDomainsAreEmptyAndSettingsAreNamed) {
  SampleOptions options = two_severities();
  options.rules = {"source"};
  options.settings = {{"continual", 64, 1}, {"continual", 64, 2}};
  eval::EvalResult result = with_rates(options, {50, 25, 75});
  result.cells.pop_back();
  EXPECT_EQ(to_robustbench_csv(result),
            ",fog,fog\n"
            ",1,5\n"
            "\"source (continual, batch size 64, seed 1)\",0.5,0.25\n"
            "\"source (continual, batch size 64, seed 2)\",0.75,\n");
}

TEST(RobustBench, OtherDomainsAreRefused) {
  for (const char* name : {"photos", "weather/fog/3", "fog/heavy"}) {
    SampleOptions options = two_severities();
    options.domains = {"fog/1", name};
    EXPECT_EQ(message_of(make_sample(options)),
              std::string("results format robustbench: expected domains kind/severity like \"fog/3\", found \"") +
                  name + "\"; evaluate a tree of that layout, or write json or csv");
  }
}

TEST(RobustBench, APlanTellsWhetherItsResultsWillFit) {
  SampleOptions options = two_severities();
  EXPECT_NO_THROW(check_format(make_sample(options).plan, ResultsFormat::kRobustBench));
  options.domains = {"clean", "fog/3"};
  const eval::EvalPlan plan = make_sample(options).plan;
  EXPECT_THROW(check_format(plan, ResultsFormat::kRobustBench), UsageError);
  for (const ResultsFormat format : {ResultsFormat::kJson, ResultsFormat::kCsv, ResultsFormat::kMarkdown}) {
    EXPECT_NO_THROW(check_format(plan, format));
  }
}

TEST(RobustBench, SegmentationIsRefused) {
  SampleOptions options = two_severities();
  options.task = eval::Task::kSegmentation;
  EXPECT_THAT(message_of(make_sample(options)), HasSubstr("expected a classification, found segmentation"));
}

}  // namespace
}  // namespace ttscale::report
