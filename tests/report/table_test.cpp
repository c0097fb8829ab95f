// SPDX-License-Identifier: MIT
// The table as a reader sees it.
#include "report/table.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "example.h"

namespace ttscale::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t width = 0;
  for (std::string line; std::getline(lines, line);) {
    width = std::max(width, line.size());
  }
  return width;
}

TEST(Table, ShowsDomainsRulesGainsAndWhatTheyMean) {
  EXPECT_EQ(to_table(example()), R"(top-1 in %, then points gained or lost against source; * best of a row

protocol reset-each-domain, batch size 200, order shuffled, seed 7
                                                 prior:
domain             source          batch       count=16
--------------------------------------------------------
gaussian_noise/5    24.80   58.30 +33.50*  54.10 +29.30
clean               91.70*  88.50  -3.20   91.70   0.00*
--------------------------------------------------------
mean                58.25   73.40 +15.15*  72.90 +14.65

95 % interval of a top-1: at most +-2.00 points (Wilson, 2000 images).
batch gains 15.15 points on average against source: from -3.20 (clean) to +33.50
  (gaussian_noise/5).
prior:count=16 gains 14.65 points on average against source: from 0.00 (clean)
  to +29.30 (gaussian_noise/5).
warning: batch is worse than source on 1 of 2 domains.
advice: Adapt with batch. batch gains 15.15 points on average over 2 domains.
)");
}

TEST(Table, SegmentationHasMiouAndPixelAccuracyAndIntervalsOfGains) {
  eval::EvalResult result = make_result({"fog", "snow"}, {"source", "batch"}, {{1, 2}, {3, 4}});
  result.plan.task = eval::Task::kSegmentation;
  const double miou[] = {40, 44.5, 50, 48};
  const double accuracy[] = {80, 83, 85, 84};
  for (std::size_t i = 0; i < 4; ++i) {
    eval::Scores scores;
    scores.images = 100;
    scores.miou = miou[i];
    scores.pixel_accuracy = accuracy[i];
    result.cells[i].scores = scores;
    result.cells[i].change = std::nullopt;
  }
  result.cells[1].scores.non_finite = 3;
  result.cells[1].change = eval::Change{1, 2, 3, 2.5, 6.5, eval::Scores::kNone};
  EXPECT_EQ(to_table(result), R"(mIoU in %, then points gained or lost against source; * best of a row

protocol reset-each-domain, batch size 200, order shuffled, seed 7
domain   source          batch
-------------------------------
fog       40.00   44.50  +4.50*
snow      50.00*  48.00  -2.00
-------------------------------
mean      45.00   46.25  +1.25*

pixel acc in %, then points gained or lost against source; * best of a row

protocol reset-each-domain, batch size 200, order shuffled, seed 7
domain   source          batch
-------------------------------
fog       80.00   83.00  +3.00*
snow      85.00*  84.00  -1.00
-------------------------------
mean      82.50   83.50  +1.00*

95 % interval of a gain in mIoU on one domain: at most +-2.00 points (paired
  bootstrap over 100 images).
batch gains 1.25 points on average against source: from -2.00 (snow) to +4.50
  (fog).
warning: batch is worse than source on 1 of 2 domains.
warning: under batch the model gave NaN or infinite scores for 3 pixels, counted
  as wrong.
advice: Adapt with batch. batch gains 1.25 points on average over 2 domains (1
  clearly better, 0 clearly worse).
)");
}

TEST(Table, MarksWhatIsWorseAndWhatIsChance) {
  eval::EvalResult result = make_result({"fog", "snow", "clean"}, {"source", "batch"}, {{50, 60}, {30, 31}, {90, 80}});
  result.cells[1].change = eval::Change{0, 0, 0, 8, 12, 0.001};
  result.cells[3].change = eval::Change{0, 0, 0, -1, 3, 0.4};
  result.cells[5].change = eval::Change{0, 0, 0, -12, -8, 0.001};
  const std::string table = to_table(result, {120});
  EXPECT_THAT(table, HasSubstr("! worse than source, ~ within chance (95 %"));
  EXPECT_THAT(table, HasSubstr("fog       50.00   60.00 +10.00 *\n"));
  EXPECT_THAT(table, HasSubstr("snow      30.00   31.00  +1.00~*\n"));
  EXPECT_THAT(table, HasSubstr("clean     90.00*  80.00 -10.00!\n"));
}

TEST(Table, SeedsThatAgreeLeaveTheChanceOfTheImages) {
  eval::EvalResult result = make_result({"fog"}, {"source", "batch"}, {{50, 51}});
  result.cells[1].change = eval::Change{0, 0, 0, -1, 3, 0.4};
  result.plan.settings.push_back(result.plan.settings.front());
  result.plan.settings.back().seed = 8;
  for (std::size_t i = 0; i < 2; ++i) {
    eval::Cell cell = result.cells[i];
    cell.setting = result.plan.settings.back();
    result.cells.push_back(std::move(cell));
  }
  EXPECT_THAT(to_table(result, {120}), HasSubstr("fog       50.00   51.00  +1.00~*\n"));
}

TEST(Table, PartsAskForMergingInPlaceOfMeansAndAdvice) {
  eval::EvalResult result = example();
  ASSERT_THAT(to_table(result, {120}), HasSubstr("\nmean "));
  result.plan.shard = {1, 2};
  const std::string table = to_table(result, {120});
  EXPECT_THAT(table, HasSubstr("clean               91.70*"));
  EXPECT_THAT(table, HasSubstr("\npart 1 of 2: merge the parts (`ttscale merge`) for means and advice.\n"));
  for (const char* words : {"\nmean ", "on average", "advice:"}) {
    EXPECT_THAT(table, Not(HasSubstr(words)));
  }
}

TEST(Table, WithoutSourceThereAreNoGains) {
  const std::string table = to_table(make_result({"fog", "snow"}, {"batch", "dua"}, {{50, 60}, {30, 20}}));
  EXPECT_THAT(table, HasSubstr("60.00*"));
  EXPECT_THAT(table, Not(HasSubstr("against source")));
  EXPECT_THAT(table, Not(HasSubstr("+10.00")));
}

TEST(Table, OneDomainHasNoMeanAndOneRuleNoBest) {
  const std::string table = to_table(make_result({"fog"}, {"source"}, {{50}}));
  EXPECT_THAT(table, Not(HasSubstr("mean")));
  EXPECT_THAT(table, Not(HasSubstr("*")));
}

TEST(Table, EqualsAreAllBestAndARowOfEqualsHasNone) {
  const std::string table =
      to_table(make_result({"fog", "snow"}, {"source", "batch", "dua"}, {{50, 60, 60}, {30, 30, 30}}));
  EXPECT_EQ(std::count(table.begin(), table.end(), '*'), 1 + 2 + 2);  // legend, fog, mean
}

TEST(Table, StaysWithinTheTerminalHoweverManyAndLongTheRules) {
  const std::vector<std::string> rules = {"source",
                                          "batch",
                                          "prior:count=16",
                                          "alpha:weight=0.3",
                                          "ema:momentum=0.1,order=use-update,variance=biased,mixing=total",
                                          "cumulative:count=100",
                                          "dua"};
  const std::vector<double> row = {91.7, 88.5, 90.1, 90.0, 100, 0, 50};
  const auto result = make_result({"gaussian_noise/severity/5", "clean"}, rules, {row, row});
  for (const std::int64_t width : {70, 80, 120}) {
    EXPECT_LE(widest_line(to_table(result, {width})), static_cast<std::size_t>(width));
  }
  EXPECT_THAT(to_table(result, {80}), HasSubstr("order=use-update,"));
}

TEST(Table, LongDomainNamesAreCutInTheMiddle) {
  const std::string name = "corruptions/noise/gaussian_noise/severity_5/images";
  EXPECT_THAT(to_table(make_result({name}, {"source"}, {{50}})), HasSubstr("corruptions/noise...everity_5/images"));
}

TEST(Table, WarnsOfRulesWorseThanSource) {
  const std::string table = to_table(make_result({"fog", "snow"}, {"source", "batch"}, {{50, 40}, {30, 31}}), {120});
  EXPECT_THAT(table,
              HasSubstr("batch costs 4.50 points on average against source: from -10.00 (fog) to +1.00 (snow)."));
  EXPECT_THAT(table, HasSubstr("warning: batch is worse than source on average, and on 1 of 2 domains."));
}

TEST(Table, OneDomainIsSaidSimply) {
  const std::string table = to_table(make_result({"fog"}, {"source", "batch", "dua"}, {{50, 40, 50}}));
  EXPECT_THAT(table, HasSubstr("batch costs 10.00 points against source.\n"));
  EXPECT_THAT(table, HasSubstr("dua neither gains nor costs against source.\n"));
  EXPECT_THAT(table, HasSubstr("warning: batch is worse than source on this data.\n"));
}

TEST(Table, TellsOfTrouble) {
  eval::EvalResult result = example();
  result.cells.resize(3);
  result.cells[1].scores.non_finite = 1;
  result.partial = true;
  result.skipped = {{"clean", "a.png", "empty"}, {"clean", "b.png", "empty"}};
  const std::string table = to_table(result);
  EXPECT_THAT(table, HasSubstr("warning: under batch the model gave NaN or infinite scores for 1 image"));
  EXPECT_THAT(table, HasSubstr("warning: 2 images could not be read and were left out."));
  EXPECT_THAT(table, HasSubstr("warning: interrupted after 1 of 2 domains"));
  EXPECT_THAT(table, HasSubstr("\nclean                   -              -              -\n"));
}

TEST(Table, ShowsEachProtocolAndBatchSizeWithMeansOverSeeds) {
  eval::EvalResult result = make_result({"fog"}, {"source", "batch"}, {{50, 60}});
  const eval::Setting first = result.plan.settings.front();
  for (const eval::Setting& more : {eval::Setting{first.protocol, first.batch_size, 8}, {"mixed", 1, 7}}) {
    result.plan.settings.push_back(more);
    for (std::size_t i = 0; i < 2; ++i) {
      eval::Cell cell = result.cells[i];
      cell.setting = more;
      cell.scores.top1 += more.seed == 8 ? 4 : -20;
      result.cells.push_back(cell);
    }
  }
  const std::string table = to_table(result);
  EXPECT_THAT(table, HasSubstr("protocol reset-each-domain, batch size 200, order shuffled, seeds 7 and 8\n"));
  EXPECT_THAT(table, HasSubstr("fog       52.00   62.00 +10.00*\n"));
  EXPECT_THAT(table, HasSubstr("protocol mixed, batch size 1, order shuffled, seed 7\n"));
  EXPECT_THAT(table, HasSubstr("fog       30.00   40.00 +10.00*\n"));
  EXPECT_THAT(table, HasSubstr("protocol mixed, batch size 1: batch gains 10.00 points against source."));
}

TEST(Table, NothingToShowIsSaid) { EXPECT_EQ(to_table({}), "no results\n"); }

}  // namespace
}  // namespace ttscale::report
