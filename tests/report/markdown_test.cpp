// SPDX-License-Identifier: MIT
// The Markdown table as it is pasted.
#include "report/markdown.h"

#include <gmock/gmock.h>

#include "sample_result.h"

namespace ttscale::report {
namespace {

using ::testing::HasSubstr;

eval::EvalResult two_by_three() {
  SampleOptions options;
  options.domains = {"fog/3", "clean/0"};
  options.images = 200;
  eval::EvalResult result = make_sample(options);
  const double rates[] = {24.8, 58.3, 54.1, 91.7, 88.5, 91.7};
  for (std::size_t i = 0; i < 6; ++i) {
    result.cells[i].scores.top1 = rates[i];
  }
  return result;
}

TEST(Markdown, ShowsDomainsRulesGainsAndMeans) {
  EXPECT_EQ(to_markdown(two_by_three()), R"(**protocol reset-each-domain, batch size 64, order shuffled, seed 42**

| domain | source | batch | prior:count=16 |
| --- | ---: | ---: | ---: |
| fog/3 | 24.80 | **58.30** (+33.50) | 54.10 (+29.30) |
| clean/0 | **91.70** | 88.50 (-3.20, within chance) | **91.70** (0.00, within chance) |
| mean | 58.25 | **73.40** (+15.15) | 72.90 (+14.65) |

**Adapt with batch.** batch gains 15.15 points on average over 2 domains (1 clearly better, 0 clearly worse).

top-1 in %; in brackets points against source, within chance where their 95 % interval includes zero; bold: best of a row.
)");
}

TEST(Markdown, TextOfUsersIsEscaped) {
  SampleOptions options;
  options.domains = {"a|b", "<b>*x*_y_`z`\nnext\\", "\xFF"};
  options.rules = {"source", "r|s"};
  const std::string table = to_markdown(make_sample(options));
  EXPECT_THAT(table, HasSubstr("| a\\|b |"));
  EXPECT_THAT(table, HasSubstr("| &lt;b>\\*x\\*\\_y\\_\\`z\\` next\\\\ |"));
  EXPECT_THAT(table, HasSubstr("| r\\|s |"));
  EXPECT_THAT(table, HasSubstr("| \uFFFD |"));
}

TEST(Markdown, PartialResultsHaveDashesAndSaySo) {
  eval::EvalResult result = interrupted(two_by_three(), 1);
  result.skipped = {{"fog/3", "a.png", "empty"}};
  const std::string table = to_markdown(result);
  EXPECT_THAT(table, HasSubstr("| clean/0 | - | - | - |"));
  EXPECT_THAT(table, HasSubstr("\nPartial:"));
  EXPECT_THAT(table, HasSubstr("\n1 image could not be read and was left out.\n"));
  EXPECT_EQ(to_markdown({}), "No results.\n\nPartial: not everything was finished; a dash is not a result.\n");
}

TEST(Markdown, EachSettingHasATable) {
  SampleOptions options;
  options.domains = {"photos"};
  options.settings = {{"continual", 64, 1}, {"mixed", 64, 1}};
  const std::string table = to_markdown(make_sample(options));
  EXPECT_THAT(table, HasSubstr("**protocol continual, batch size 64, order shuffled, seed 1**\n\n| domain |"));
  EXPECT_THAT(table, HasSubstr("**protocol mixed, batch size 64, order shuffled, seed 1**\n\n| domain |"));
  EXPECT_THAT(table, ::testing::Not(HasSubstr("| mean |")));
}

TEST(Markdown, PartsAskForMergingInPlaceOfMeansAndAdvice) {
  eval::EvalResult result = two_by_three();
  result.plan.shard = {1, 2};
  const std::string table = to_markdown(result);
  EXPECT_THAT(table, HasSubstr("| clean/0 |"));
  EXPECT_THAT(table, HasSubstr("\nThis is part 1 of 2: merge the parts (`ttscale merge`) for means and advice.\n"));
  EXPECT_THAT(table, ::testing::Not(HasSubstr("| mean |")));
  EXPECT_THAT(table, ::testing::Not(HasSubstr("**Adapt")));
}

TEST(Markdown, SaysWhatTheGuardDid) {
  const std::string table = to_markdown(guarded());
  EXPECT_THAT(table, HasSubstr(R"(
**What the guard did**

- batch: kept adapting as the rule says everywhere (3 cells, 375 images compared).
- auto: acted in 2 of 3 cells, 375 images compared.
  - inversion/5
    - after 64 images: hold (the statistics rest): adapting against not adapting -8 +- 6 points by estimate, same class 75 %, confidence 62 % against 50 %, effective classes 3.5 against 4.0
    - after 128 images: roll back (rolled back: the source model answers): )"));
  EXPECT_THAT(table, HasSubstr("  - fog/3\n    - roll back throughout, as decided before in the stream\n"));
  EXPECT_THAT(to_markdown(two_by_three()), ::testing::Not(HasSubstr("guard")));
}

TEST(Markdown, SegmentationIsJudgedByMiou) {
  SampleOptions options;
  options.domains = {"fog"};
  options.task = eval::Task::kSegmentation;
  EXPECT_THAT(to_markdown(make_sample(options)), HasSubstr("\nmIoU in %; in brackets"));
}

}  // namespace
}  // namespace ttscale::report
