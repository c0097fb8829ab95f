// SPDX-License-Identifier: MIT
// The page as a strict reader sees it, and its numbers against the result.
#include "report/html.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "report/format.h"
#include "report/html/number.h"
#include "sample_result.h"
#include "strict_page.h"

namespace ttscale::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

eval::EvalResult sample(const std::string& name) {
  for (auto& [other, result] : all_samples()) {
    if (other == name) {
      return result;
    }
  }
  throw std::logic_error("no sample " + name);
}

std::vector<std::string> sections_of(const std::string& html) {
  const StrictPage page = read_strictly(html);
  return page.values("section", "id");
}

TEST(Html, EveryPageIsBalancedEscapedAndSmall) {
  for (const auto& [name, result] : all_samples()) {
    const std::string html = to_html(result);
    const StrictPage page = read_strictly(html);
    EXPECT_THAT(page.mistakes, IsEmpty()) << name;
    EXPECT_LE(html.size(), 1'000'000U) << name;
    EXPECT_EQ(to_html(result), html) << name;
  }
}

TEST(Html, NothingIsLoadedFromElsewhere) {
  for (const auto& [name, result] : all_samples()) {
    const std::string html = to_html(result);
    const StrictPage page = read_strictly(html);
    for (const std::string& source : page.values("img", "src")) {
      EXPECT_EQ(source.rfind("data:image/png;base64,", 0), 0U) << name;
    }
    EXPECT_THAT(page.values("link", "href"), ElementsAre("data:,")) << name;
    EXPECT_THAT(html, Not(HasSubstr("url("))) << name;
    EXPECT_THAT(html, Not(HasSubstr("@import"))) << name;
    for (const Tag& tag : page.tags) {
      for (const auto& [attribute, value] : tag.attributes) {
        EXPECT_NE(attribute.rfind("on", 0), 0U) << name << " " << tag.name << " " << attribute;
        EXPECT_NE(attribute, "style") << name;
      }
    }
  }
}

TEST(Html, NoNumberIsSpelledNanOrInf) {
  eval::EvalResult result = sample("nine");
  for (eval::Cell& cell : result.cells) {
    cell.scores.nll = std::numeric_limits<double>::infinity();
    cell.scores.ece = std::numeric_limits<double>::quiet_NaN();
  }
  result.cells[1].scores.top1 = std::numeric_limits<double>::quiet_NaN();
  result.cells[4].sites[0].batch_distance = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [name, other] : all_samples()) {
    const StrictPage page = read_strictly(to_html(other));
    EXPECT_THAT(page.text, Not(::testing::ContainsRegex("[^a-z](nan|inf)[^a-z]"))) << name;
  }
  const std::string html = to_html(result);
  EXPECT_THAT(read_strictly(html).text, Not(::testing::ContainsRegex("[^a-z](nan|inf)[^a-z]")));
  EXPECT_THAT(html, Not(::testing::ContainsRegex("=\"[^\"]*[ ,\"](nan|inf)[ ,\"]")));
  EXPECT_THAT(html, HasSubstr("A dash (\u2013) stands for"));
}

TEST(Html, CurvesThatAreAlwaysRightLieAtTheTopOfTheirAxis) {
  for (const char* protocol : {"continual", "mixed", "reset-each-domain"}) {
    SampleOptions options;
    options.domains = nine_domains();
    options.settings = {{protocol, 64, 42}};
    eval::EvalResult result = make_sample(options);
    for (eval::Cell& cell : result.cells) {
      for (eval::CurvePoint& point : cell.curve) {
        point.correct = point.images;
      }
    }
    const std::string html = to_html(result);
    const std::size_t start = html.find("<section id=\"curves\"");
    ASSERT_NE(start, std::string::npos) << protocol;
    const std::string curves = html.substr(start, html.find("</section>", start) - start);
    EXPECT_THAT(curves, HasSubstr("<polyline")) << protocol;
    EXPECT_THAT(curves, Not(HasSubstr("points=\"\""))) << protocol;
    EXPECT_THAT(curves, Not(::testing::ContainsRegex("[ \",(>](nan|inf)[ \",)<]"))) << protocol;
    EXPECT_THAT(curves, HasSubstr(">80<")) << protocol;
    EXPECT_THAT(curves, Not(HasSubstr(">120<"))) << protocol;
  }
}

TEST(Html, EveryDrawingHasATitleAndADescription) {
  const StrictPage page = read_strictly(to_html(sample("nine")));
  std::size_t drawings = 0;
  for (std::size_t i = 0; i < page.tags.size(); ++i) {
    if (page.tags[i].name == "svg") {
      ++drawings;
      EXPECT_EQ(page.tags[i].attributes.at("role"), "img");
      EXPECT_EQ(page.tags.at(i + 1).name, "title");
      EXPECT_EQ(page.tags.at(i + 2).name, "desc");
      EXPECT_EQ(page.tags[i].attributes.at("aria-labelledby"),
                page.tags[i + 1].attributes.at("id") + " " + page.tags[i + 2].attributes.at("id"));
    }
  }
  EXPECT_GT(drawings, 10U);
  for (const std::string& alternative : page.values("img", "alt")) {
    EXPECT_FALSE(alternative.empty());
  }
}

TEST(Html, SectionsComeInTheirOrder) {
  EXPECT_THAT(sections_of(to_html(sample("nine"))),
              ElementsAre("headline", "warnings", "heat-map", "curves", "reliability", "sites", "classes", "examples",
                          "numbers", "repeat"));
}

TEST(Html, SectionsWithoutDataAreLeftOut) {
  EXPECT_THAT(sections_of(to_html(sample("segmentation"))),
              ElementsAre("headline", "warnings", "heat-map", "sites", "classes", "numbers", "repeat"));
  EXPECT_THAT(sections_of(to_html(sample("nothing"))), ::testing::Contains("headline"));
  EXPECT_THAT(sections_of(to_html(eval::EvalResult{})), ::testing::Contains("repeat"));
}

TEST(Html, SegmentationIsTheSamePageAboutPixels) {
  const eval::EvalResult result = sample("segmentation");
  const std::string html = to_html(result);
  EXPECT_EQ(table_texts(html, 0)[1].at(1), fixed(result.cells[0].scores.miou, 1));
  for (const char* words :
       {"IoU in % by class", "over all pixels of a domain together", "ignored label 255", "95 % interval"}) {
    EXPECT_THAT(html, HasSubstr(words));
  }
  for (const char* words : {"top-1", "McNemar", "Wilson", "calibration"}) {
    EXPECT_THAT(html, Not(HasSubstr(words)));
  }
  const metrics::ClassArea& area = result.classes[0].areas[0];
  EXPECT_THAT(html, HasSubstr(fixed(100.0 * static_cast<double>(area.intersection) / 90000, 1)));
}

TEST(Html, TheHeatMapHasTheNumbersOfTheResult) {
  const eval::EvalResult result = sample("nine");
  const auto rows = table_texts(to_html(result), 0);
  ASSERT_EQ(rows.size(), 11U);  // header, nine domains, mean
  EXPECT_THAT(rows[0], ElementsAre("domain", "source", "batch", "prior:count=16"));
  for (std::size_t d = 0; d < 9; ++d) {
    const double source = result.cells[3 * d].scores.top1;
    EXPECT_EQ(rows[d + 1].at(1), fixed(source, 1));
    for (std::size_t r = 1; r < 3; ++r) {
      const eval::Cell& cell = result.cells[3 * d + r];
      const std::string gain = html::signed_words(cell.scores.top1 - source, 1);
      const bool unclear = cell.change->low <= 0 && cell.change->high >= 0;
      EXPECT_EQ(rows[d + 1].at(r + 1), fixed(cell.scores.top1, 1) + " " + (unclear ? "(" + gain + ")" : gain));
    }
  }
  const auto means = result.means();
  EXPECT_EQ(
      rows[10],
      (std::vector<std::string>{
          "mean", fixed(means[0].scores.top1, 1),
          fixed(means[1].scores.top1, 1) + " " + html::signed_words(means[1].scores.top1 - means[0].scores.top1, 1),
          fixed(means[2].scores.top1, 1) + " " + html::signed_words(means[2].scores.top1 - means[0].scores.top1, 1)}));
}

TEST(Html, TheHeadlineSaysTheBestRuleAndTheWorstLoss) {
  const eval::EvalResult result = sample("nine");
  const auto means = result.means();
  const double gain = means[1].scores.top1 - means[0].scores.top1;
  ASSERT_GT(gain, means[2].scores.top1 - means[0].scores.top1);
  double worst = 0;
  std::string where;
  for (const eval::Cell& cell : result.cells) {
    const double points = cell.scores.top1 - result.find(cell.setting, cell.domain, "source")->scores.top1;
    if (points < worst) {
      worst = points;
      where = cell.rule + " on " + cell.domain;
    }
  }
  const std::string text = read_strictly(to_html(result)).text;
  EXPECT_THAT(text, HasSubstr("The best rule, batch, gains " + fixed(gain, 2) + " points"));
  EXPECT_THAT(text, HasSubstr("The worst loss is " + fixed(-worst, 2) + " points"));
  EXPECT_EQ(where, "batch on inversion/5");
}

TEST(Html, NumbersOfAClassAndOfCalibrationAreThoseOfTheResult) {
  const eval::EvalResult result = sample("one-domain");
  const std::string html = to_html(result);
  const auto calibration = table_texts(html, 1);
  ASSERT_EQ(calibration.size(), 3U);
  for (std::size_t r = 0; r < 2; ++r) {
    const eval::Scores& scores = result.cells[r].scores;
    EXPECT_THAT(calibration[r + 1], ElementsAre(result.plan.rules[r].label, fixed(scores.ece, 3), fixed(scores.ece, 3),
                                                fixed(scores.adaptive_ece, 3), fixed(scores.nll, 3),
                                                fixed(scores.brier, 3), fixed(scores.confidence, 3)));
  }
  const auto classes = table_texts(html, 3);
  ASSERT_EQ(classes.size(), 11U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(classes[i + 1].at(1), "400");
    EXPECT_EQ(classes[i + 1].at(2), fixed(static_cast<double>(result.classes[0].classes[i].correct) / 4, 1));
    EXPECT_EQ(classes[i + 1].at(3), fixed(static_cast<double>(result.classes[1].classes[i].correct) / 4, 1));
  }
}

TEST(Html, TheLongTableHasEveryCellAndChange) {
  const eval::EvalResult result = sample("nine");
  const std::string html = to_html(result);
  const std::size_t start = html.find("All 27 results");
  ASSERT_NE(start, std::string::npos);
  const auto rows = table_texts("<!DOCTYPE html>" + html.substr(start), 0);
  ASSERT_EQ(rows.size(), 28U);
  const eval::Cell& cell = result.cells[4];
  const auto& row = rows[5];
  EXPECT_EQ(row.at(3), fixed(cell.scores.top1, 2));
  EXPECT_THAT(row, ::testing::Contains(std::to_string(cell.change->broken)));
  EXPECT_THAT(row, ::testing::Contains(std::to_string(cell.change->repaired)));
  EXPECT_THAT(row, ::testing::Contains(html::signed_words(cell.change->low, 2)));
  EXPECT_THAT(row, ::testing::Contains(html::p_value_words(cell.change->p_value)));
  EXPECT_THAT(rows[0], Not(::testing::Contains("mIoU")));
}

TEST(Html, HostileNamesAreTextAndNothingElse) {
  const std::string html =
      to_html(sample("hostile"), {"<i>title</i>", "rm -rf \"<x>\" && true", "v & w", {{"<k>", "<v>"}}});
  const StrictPage page = read_strictly(html);
  EXPECT_THAT(page.mistakes, IsEmpty());
  EXPECT_EQ(page.count("script"), 0U);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<i>")));
  EXPECT_THAT(page.text, HasSubstr("rm -rf \"<x>\" && true"));
  EXPECT_THAT(page.text, HasSubstr("not\uFFFDutf8\uFFFD"));
  EXPECT_EQ(page.values("html", "lang"), std::vector<std::string>{"en"});
}

TEST(Html, SettingsThatDisagreeAreSaid) {
  const std::string text = read_strictly(to_html(sample("settings"))).text;
  EXPECT_THAT(text, HasSubstr("Adapt with batch under reset-each-domain, not under correlated:delta=0.1."));
  EXPECT_THAT(text, HasSubstr("Of 4 settings, the least good for batch is correlated:delta=0.1, batch size 4"));
}

TEST(Html, TroubleIsSaid) {
  const std::string text = read_strictly(to_html(sample("troubled"))).text;
  EXPECT_THAT(text, HasSubstr("This result is partial: 15 of 27 cells"));
  EXPECT_THAT(text, HasSubstr("over the 5 of 9 domains that are finished"));
  EXPECT_THAT(text, HasSubstr("2 images could not be read and were left out"));
  EXPECT_THAT(text, HasSubstr("gave NaN or infinite scores for 3 images"));
  EXPECT_THAT(text, HasSubstr("2 batches were kept out"));
}

TEST(Html, PartsAskForMergingInPlaceOfMeansAndAdvice) {
  for (const char* name : {"nine", "ninety-five", "settings", "without-source", "troubled", "nothing"}) {
    eval::EvalResult result = sample(name);
    result.plan.shard = {2, 3};
    const StrictPage page = read_strictly(to_html(result));
    EXPECT_THAT(page.mistakes, IsEmpty()) << name;
    EXPECT_THAT(page.text, HasSubstr("This is part 2 of 3: merge the parts (`ttscale merge`) for means and advice."))
        << name;
    for (const char* words : {"Adapt with", "Do not adapt", "The best rule", "on average", "Mean over domains in each",
                              "source: mean", "ECE mean"}) {
      EXPECT_THAT(page.text, Not(HasSubstr(words))) << name;
    }
  }
  eval::EvalResult result = sample("nine");
  result.plan.shard = {2, 3};
  EXPECT_EQ(table_texts(to_html(result), 0).size(), 10U);  // header and nine domains, no mean
}

TEST(Html, IntervalsOverSeedsSayWhatTheyHold) {
  EXPECT_THAT(read_strictly(to_html(sample("settings"))).text,
              HasSubstr("the order of the images, over 3 seeds (Student\u2019s t), and which images there are"));
}

TEST(Html, LimitsAreSaidOnceARuleWithTheirDomains) {
  eval::EvalResult result = sample("guarded");
  const std::string few = "the <statistics> rest on ";
  for (std::size_t i = 0; i < result.cells.size(); ++i) {
    result.cells[i].warnings = {few + std::to_string(i + 1) + " images"};
  }
  result.cells.front().warnings.emplace_back("another");
  const std::string text = read_strictly(to_html(result)).text;
  const eval::Cell& first = result.cells.front();
  EXPECT_THAT(text, HasSubstr(first.rule + " on " + first.domain + " and 2 more cells: " + few + "1 images."));
  EXPECT_THAT(text, HasSubstr(first.rule + " on " + first.domain + ": another."));
  std::size_t said = 0;
  for (std::size_t at = text.find(few); at != std::string::npos; at = text.find(few, at + 1)) {
    ++said;
  }
  EXPECT_EQ(said, result.plan.rules.size());

  for (int i = 0; i < 9; ++i) {
    result.cells.front().warnings.push_back("warning " + std::string(i + 1, 'x'));
  }
  EXPECT_THAT(read_strictly(to_html(result)).text, HasSubstr("more warnings of this kind: see the results file"));
}

TEST(Html, WhatTheGuardDidIsSaidRuleByRule) {
  const eval::EvalResult result = sample("guarded");
  const std::string html = to_html(result);
  EXPECT_THAT(sections_of(html), ::testing::Contains("guard"));
  const std::string text = read_strictly(html).text;
  EXPECT_THAT(text, HasSubstr("What the guard did"));
  EXPECT_THAT(text, HasSubstr("batch: kept adapting as the rule says everywhere (3 cells, 375 images compared)."));
  EXPECT_THAT(text, HasSubstr("auto: acted in 2 of 3 cells, 375 images compared."));
  for (const GuardDecision& decision : result.cells[2].guard->decisions) {
    EXPECT_THAT(text, HasSubstr(describe(decision)));
  }
  EXPECT_THAT(text, HasSubstr("roll back throughout, as decided before in the stream"));
  EXPECT_THAT(text, HasSubstr("guard 1/4"));  // how to repeat it
}

TEST(Html, LongListsOfDecisionsAreCut) {
  eval::EvalResult result = sample("guarded");
  eval::Cell cell = result.cells[2];
  cell.guard->decisions.resize(10, cell.guard->decisions.back());
  cell.guard->left_out = 2;
  result.cells[2] = cell;
  EXPECT_THAT(read_strictly(to_html(result)).text, HasSubstr("8 decisions more, the last: roll back"));
  for (std::uint64_t seed = 100; seed < 140; ++seed) {
    cell.setting.seed = seed;
    result.plan.settings.push_back(cell.setting);
    result.cells.push_back(cell);
  }
  const std::string text = read_strictly(to_html(result)).text;
  EXPECT_THAT(text, HasSubstr("and 12 more of these cells: see the results file"));
  EXPECT_THAT(text, HasSubstr("inversion/5, protocol reset-each-domain, batch size 64, seed 101"));
}

TEST(Html, AGuardThatCannotWatchSaysWhy) {
  eval::EvalResult result = sample("guarded");
  for (eval::Cell& cell : result.cells) {
    if (cell.guard) {
      cell.guard = eval::GuardSummary{"the output has no row per image", 0, GuardAction::kKeep, {}, 0};
    }
  }
  EXPECT_THAT(read_strictly(to_html(result)).text,
              HasSubstr("auto: could not watch: the output has no row per image."));
}

TEST(Html, WhatDoesNotFitIsLeftOutAndThePageSaysSo) {
  const eval::EvalResult result = sample("nine");
  HtmlOptions options;
  const std::size_t whole = to_html(result, options).size();
  const std::size_t thumbnails = read_strictly(to_html(result, options)).count("img");
  ASSERT_EQ(thumbnails, 8U);  // of images that are examples of both rules
  options.most_bytes = whole - 3000;
  std::string html = to_html(result, options);
  EXPECT_LE(html.size(), options.most_bytes);
  EXPECT_LT(read_strictly(html).count("img"), thumbnails);
  EXPECT_GT(read_strictly(html).count("img"), 0U);
  EXPECT_THAT(html, HasSubstr("left out: the page would have become too large"));
  options.most_bytes = whole - 60'000;
  html = to_html(result, options);
  EXPECT_THAT(html, HasSubstr("The table of all results was left out"));
}

TEST(Html, CommandVersionsAndExtraRowsAreShown) {
  HtmlOptions options;
  options.title = "Noon run";
  options.command = "ttscale eval model.pt --data images";
  options.versions = "ttscale 9.9.9";
  options.extra_rows = {{"mCE of noise", "71.5"}};
  const std::string text = read_strictly(to_html(sample("nine"), options)).text;
  for (const char* words :
       {"Noon run", "ttscale eval model.pt --data images", "ttscale 9.9.9", "mCE of noise", "71.5"}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
}

TEST(Html, SettingsHaveAMapEachAndSeedsAreAveraged) {
  const eval::EvalResult result = sample("settings");
  const std::string html = to_html(result);
  const auto overview = table_texts(html, 0);
  ASSERT_EQ(overview.size(), 5U);  // header, two protocols at two batch sizes
  double source = 0;
  double batch = 0;
  for (const eval::Cell& cell : result.cells) {
    if (cell.setting.protocol == "reset-each-domain" && cell.setting.batch_size == 4) {
      (cell.rule == "source" ? source : batch) += cell.rule == "prior:count=16" ? 0 : cell.scores.top1 / 27;
    }
  }
  EXPECT_EQ(overview[1].at(1), fixed(source, 1));
  EXPECT_EQ(overview[1].at(2).substr(0, 4), fixed(batch, 1));
  EXPECT_THAT(read_strictly(html).text, HasSubstr("correlated:delta=0.1, batch size 64, mean over 3 seeds"));
}

}  // namespace
}  // namespace ttscale::report
