// SPDX-License-Identifier: MIT
// What readers are told to do, for each case that calls for another advice.
#include "report/advice.h"

#include <gmock/gmock.h>

#include "example.h"

namespace ttscale::report {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

/// A setting with the gains of a rule on each domain.
struct Row {
  eval::Setting setting;
  std::string rule;
  std::vector<double> gains;
};

Row row(const char* protocol, std::int64_t batch_size, const char* rule, std::vector<double> gains,
        std::uint64_t seed = 1) {
  Row made;
  made.setting = {protocol, batch_size, seed};
  made.rule = rule;
  made.gains = std::move(gains);
  return made;
}

constexpr double kHalfWidth = 2;  // of every interval

eval::EvalResult result_of(const std::vector<std::string>& domains, const std::vector<Row>& rows) {
  eval::EvalResult result = make_result(domains, {"source"}, std::vector<std::vector<double>>(domains.size(), {50}));
  const std::vector<eval::Cell> plain = result.cells;
  result.cells.clear();
  result.plan.settings.clear();
  for (const Row& row : rows) {
    auto& settings = result.plan.settings;
    if (std::find(settings.begin(), settings.end(), row.setting) == settings.end()) {
      settings.push_back(row.setting);
      for (eval::Cell cell : plain) {
        cell.setting = row.setting;
        result.cells.push_back(cell);
      }
    }
    auto& rules = result.plan.rules;
    if (std::none_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.label == row.rule; })) {
      rules.push_back({row.rule, row.rule});
    }
    for (std::size_t i = 0; i < domains.size(); ++i) {
      eval::Cell cell = plain[i];
      cell.setting = row.setting;
      cell.rule = row.rule;
      cell.scores.top1 += row.gains[i];
      cell.change = eval::Change{0, 0, 0, row.gains[i] - kHalfWidth, row.gains[i] + kHalfWidth, 0.5};
      result.cells.push_back(cell);
    }
  }
  return result;
}

Advice advice_of(const eval::EvalResult& result) { return advise(html::Summary(result)); }

const std::vector<std::string> kDomains{"clean", "fog", "snow"};

TEST(Advice, AdaptsWhereMostDomainsGainAndNamesTheException) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {-3, 30, 20}), row("continual", 64, "dua", {0, 9, 9})}));
  EXPECT_EQ(advice.what, "Adapt with batch");
  EXPECT_EQ(advice.evidence,
            "batch gains 15.67 points on average over 3 domains (2 clearly better, 1 clearly worse). "
            "But not for clean: it costs 3.00 points there.");
}

TEST(Advice, DoesNotAdaptWhereAllLose) {
  const Advice advice = advice_of(result_of(kDomains, {row("continual", 64, "batch", {-3, -9, -6})}));
  EXPECT_EQ(advice.what, "Do not adapt");
  EXPECT_EQ(advice.evidence,
            "The best rule, batch, costs 6.00 points on average over 3 domains (0 clearly better, 3 clearly worse).");
}

TEST(Advice, ChanceIsNoReasonToAdapt) {
  const Advice advice = advice_of(result_of(kDomains, {row("continual", 64, "batch", {1, 1.5, -1})}));
  EXPECT_EQ(advice.what, "Do not adapt");
  EXPECT_THAT(advice.evidence, HasSubstr("No rule is clearly better than source."));
}

TEST(Advice, OneDomainHasItsInterval) {
  const Advice advice = advice_of(result_of({"fog"}, {row("continual", 64, "batch", {9})}));
  EXPECT_EQ(advice.what, "Adapt with batch");
  EXPECT_EQ(advice.evidence, "batch gains 9.00 points (95 % interval +7.00 to +11.00).");
}

TEST(Advice, SmallBatchesThatFailAskForLargeOnes) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 1, "batch", {-60, -5, -4}), row("continual", 16, "batch", {-3, 20, 16}),
                           row("mixed", 64, "batch", {0, 20, 22})}));
  EXPECT_EQ(advice.what, "Use batches >= 16 with batch");
  EXPECT_EQ(advice.evidence,
            "With batches of 16 and 64 batch gains 11.00 to 14.00 points on average, with 1 it costs 23.00 points "
            "on average over 3 domains (0 clearly better, 3 clearly worse). But "
            "not for clean: it costs 3.00 points there.");
}

TEST(Advice, OnlySmallBatchesTriedIsSaid) {
  const Advice advice = advice_of(result_of(kDomains, {row("continual", 1, "batch", {-60, -5, -4})}));
  EXPECT_EQ(advice.what, "Do not adapt");
  EXPECT_THAT(advice.evidence, EndsWith("Larger batches were not tried: --batch-size 16,64."));
}

TEST(Advice, ProtocolsThatDifferAreNamed) {
  const Advice advice =
      advice_of(result_of(kDomains, {row("continual", 64, "batch", {0, 20, 22}), row("mixed", 64, "batch", {0, 10, 11}),
                                     row("correlated", 64, "batch", {-50, -5, -5})}));
  EXPECT_EQ(advice.what, "Adapt with batch under continual and mixed, not under correlated");
  EXPECT_EQ(advice.evidence,
            "batch gains 7.00 to 14.00 points on average under continual and mixed; under correlated it costs 20.00 "
            "points on average over 3 domains (0 clearly better, 3 clearly worse).");
}

TEST(Advice, ARuleThatHelpsEverywhereIsPreferredToOneThatGainsMoreSomewhere) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {0, 40, 40}), row("correlated", 64, "batch", {-50, -5, -5}),
                           row("continual", 64, "ema", {0, 10, 10}), row("correlated", 64, "ema", {0, 8, 8})}));
  EXPECT_EQ(advice.what, "Adapt with ema");
  EXPECT_EQ(advice.evidence, "ema gains 5.33 to 6.67 points on average in each of 2 settings.");
}

TEST(Advice, SettingsWithoutAPatternAreListed) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {0, 40, 40}), row("continual", 4, "batch", {-9, -9, -9}),
                           row("mixed", 64, "batch", {-9, -9, -9}), row("mixed", 4, "batch", {0, 6, 6})}));
  EXPECT_EQ(advice.what, "Adapt with batch in some settings only");
  EXPECT_EQ(
      advice.evidence,
      "batch gains 4.00 to 26.67 points on average in 2 of 4 settings (continual with batches of 64 and mixed with "
      "batches of 4); in the others it costs 9.00 points on average.");
}

TEST(Advice, ChanceInTheOtherSettingsIsSaid) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {0, 40, 40}), row("continual", 4, "batch", {1, 1, 1}),
                           row("mixed", 64, "batch", {1, 0, 1}), row("mixed", 4, "batch", {0, 6, 6})}));
  EXPECT_THAT(advice.evidence, EndsWith("in the others it gains 0.67 to 1.00 points on average, not clearly."));
}

TEST(Advice, SeedsDecideWhereThereAreSeveral) {
  const Advice advice = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {9, 9, 9}), row("continual", 64, "batch", {-9, -9, -8}, 2)}));
  EXPECT_EQ(advice.what, "Do not adapt");
  EXPECT_THAT(advice.evidence, HasSubstr("95 % interval"));
}

TEST(Advice, SeedsThatAgreeLeaveTheChanceOfTheImages) {
  const std::vector<std::string> one{"fog"};
  const Advice advice =
      advice_of(result_of(one, {row("continual", 64, "batch", {1}), row("continual", 64, "batch", {1}, 2)}));
  EXPECT_EQ(advice.what, "Do not adapt");
  EXPECT_EQ(advice.evidence,
            "No rule is clearly better than source. The best rule, batch, gains 1.00 points (95 % interval -1.00 to "
            "+3.00).");
}

TEST(Advice, SeedsThatAgreeLeaveTheChanceOfTheImagesInAMean) {
  // 2 points on each of 3 domains, and so on their mean: they may show the same images.
  const Advice unclear = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {1, 1, 1}), row("continual", 64, "batch", {1, 1, 1}, 2)}));
  EXPECT_EQ(unclear.what, "Do not adapt");
  EXPECT_THAT(unclear.evidence, HasSubstr("(0 clearly better, 0 clearly worse; 95 % interval -1.00 to +3.00)"));
  const Advice clear = advice_of(
      result_of(kDomains, {row("continual", 64, "batch", {9, 9, 9}), row("continual", 64, "batch", {9, 9, 9}, 2)}));
  EXPECT_EQ(clear.what, "Adapt with batch");
  EXPECT_THAT(clear.evidence, HasSubstr("(3 clearly better, 0 clearly worse; 95 % interval +7.00 to +11.00)"));
}

TEST(Advice, WithoutIntervalsOfTheImagesSeedsAreAllThereIs) {
  eval::EvalResult result =
      result_of(kDomains, {row("continual", 64, "batch", {1, 1, 1}), row("continual", 64, "batch", {1, 1, 1}, 2)});
  result.cells.back().change = std::nullopt;
  EXPECT_THAT(advice_of(result).evidence, HasSubstr("95 % interval +1.00 to +1.00"));
}

TEST(Advice, PartsHaveNone) {
  eval::EvalResult result = result_of(kDomains, {row("continual", 64, "batch", {9, 9, 9})});
  ASSERT_FALSE(advice_of(result).empty());
  result.plan.shard = {2, 3};
  EXPECT_TRUE(advice_of(result).empty());
}

TEST(Advice, NeedsSourceAndAnotherRule) {
  EXPECT_TRUE(advice_of(make_result({"fog"}, {"source"}, {{50}})).empty());
  EXPECT_TRUE(advice_of(make_result({"fog"}, {"batch", "dua"}, {{50, 60}})).empty());
  EXPECT_TRUE(advice_of({}).empty());
}

}  // namespace
}  // namespace ttscale::report
