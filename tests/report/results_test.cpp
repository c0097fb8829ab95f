// SPDX-License-Identifier: MIT
// Result files hold what their README says.
#include "report/results.h"

#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "eval/result_json.h"
#include "example.h"
#include "sample_result.h"
#include "ttscale/error.h"
#include "ttscale/version.h"

namespace ttscale::report {
namespace {

using eval::to_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

std::vector<std::string> keys(const Json& json) {
  std::vector<std::string> names;
  for (const auto& item : json.items()) {
    names.push_back(item.key());
  }
  return names;
}

TEST(ResultsJson, HasTheDocumentedKeysInOrder) {
  const Json json = Json::parse(to_json(example()));
  EXPECT_THAT(keys(json), ElementsAre("format", "format_version", "ttscale", "torch", "complete", "shard", "task",
                                      "model", "data", "labels", "ignore_index", "fingerprint", "device", "settings",
                                      "order", "window", "num_samples", "shifts", "valid_classes", "on_error",
                                      "site_report", "kept_examples", "preprocessing", "reference", "input", "call",
                                      "max_pixels", "guard", "optimize", "rules", "domains", "classes", "sites",
                                      "means", "cells", "class_counts", "examples", "unfinished", "skipped"));
  EXPECT_THAT(
      keys(json["cells"][0]),
      ElementsAre("protocol", "batch_size", "seed", "stream", "place", "domain", "rule", "images", "non_finite", "top1",
                  "top1_low", "top1_high", "top5", "mean_class", "nll", "brier", "ece", "adaptive_ece", "confidence",
                  "miou", "pixel_accuracy", "change", "bins", "curve", "skipped", "rejected_batches", "sites"));
  EXPECT_THAT(keys(json["settings"][0]), ElementsAre("protocol", "batch_size", "seed"));
  EXPECT_EQ(json["format"], "ttscale-results");
  EXPECT_EQ(json["format_version"], 2);
  EXPECT_EQ(json["ttscale"], version());
  EXPECT_EQ(json["torch"], torch_version());
}

TEST(ResultsJson, NumbersComeBackToTheLastBit) {
  eval::EvalResult result = example();
  result.cells[1].scores.nll = 0.1 + 0.2;
  const Json json = Json::parse(to_json(result));
  EXPECT_EQ(json["cells"][1]["nll"].get<double>(), 0.1 + 0.2);
  EXPECT_EQ(json["cells"][1]["domain"], "gaussian_noise/5");
  EXPECT_EQ(json["cells"][1]["rule"], "batch");
  EXPECT_EQ(json["cells"].size(), 6U);
  EXPECT_EQ(json["complete"], true);
  EXPECT_EQ(json["settings"][0]["seed"], 7);
  EXPECT_EQ(json["preprocessing"]["crop_pct"], 0.875);
}

TEST(ResultsJson, MeansAreOverDomainsAndHaveNoIntervalUnlessThereIsOne) {
  const Json means = Json::parse(to_json(example()))["means"];
  EXPECT_DOUBLE_EQ(means[1]["top1"], (58.3 + 88.5) / 2);
  EXPECT_EQ(means[1]["images"], 4000);
  EXPECT_TRUE(means[1]["top1_low"].is_null());
  const Json one = Json::parse(to_json(make_result({"clean"}, {"source"}, {{50}})))["means"];
  EXPECT_EQ(one[0]["top1_low"], 48);
}

TEST(ResultsJson, NumbersThatDoNotExistAreNull) {
  eval::EvalResult result = example();
  result.cells[0].scores.nll = std::numeric_limits<double>::infinity();
  result.cells[0].scores.ece = eval::Scores::kNone;
  const Json cell = Json::parse(to_json(result))["cells"][0];
  EXPECT_TRUE(cell["nll"].is_null());
  EXPECT_TRUE(cell["ece"].is_null());
}

TEST(ResultsJson, ListsSkippedFilesWithReasonsWhateverTheirNames) {
  eval::EvalResult result = example();
  result.skipped.push_back({"clean", "data/b\xff.png", "empty file"});
  const Json skipped = Json::parse(to_json(result))["skipped"];
  EXPECT_EQ(skipped[0]["path"], "data/b\ufffd.png");
  EXPECT_EQ(skipped[0]["reason"], "empty file");
}

TEST(ResultsJson, PartialResultsSayWhatIsMissing) {
  eval::EvalResult result = example();
  result.partial = true;
  result.unfinished.assign(result.cells.begin() + 3, result.cells.end());
  result.cells.resize(3);
  const Json json = Json::parse(to_json(result));
  EXPECT_EQ(json["complete"], false);
  EXPECT_EQ(json["unfinished"].size(), 3U);
  EXPECT_EQ(json["means"][0]["domains"], 1);
}

TEST(ResultsJson, TimesAndSitesAreThereOnlyWhereAskedFor) {
  eval::EvalResult result = example();
  EXPECT_THAT(to_json(result), Not(HasSubstr("seconds")));
  result.seconds = 1.5;
  result.cells[0].seconds = 0.5;
  result.cells[0].sites = {{"bn1", 0.25, 0.125}};
  const Json json = Json::parse(to_json(result));
  EXPECT_EQ(json["seconds"], 1.5);
  EXPECT_EQ(json["cells"][0]["seconds"], 0.5);
  EXPECT_EQ(json["cells"][0]["sites"][0]["used_distance"], 0.125);
}

TEST(ResultsJson, LimitsOfAStreamAreThereWhereItMetAny) {
  eval::EvalResult result = example();
  EXPECT_FALSE(Json::parse(to_json(result))["cells"][0].contains("warnings"));
  result.cells[0].warnings = {"few images", "an input in other units"};
  const Json json = Json::parse(to_json(result));
  EXPECT_THAT(json["cells"][0]["warnings"], ElementsAre("few images", "an input in other units"));
  EXPECT_EQ(to_json(eval::parse_results(to_json(result), "r.json")), to_json(result));
}

TEST(ResultsJson, WatchedCellsSayWhatTheirGuardDid) {
  EXPECT_FALSE(Json::parse(to_json(example()))["cells"][1].contains("guard"));
  const eval::EvalResult result = guarded();
  const Json json = Json::parse(to_json(result));
  EXPECT_EQ(json["guard"], "1/4");
  const Json guard = json["cells"][2]["guard"];
  EXPECT_THAT(keys(guard), ElementsAre("action", "compared", "unable", "decisions", "left_out"));
  EXPECT_EQ(guard["action"], "roll back");
  EXPECT_EQ(guard["compared"], 125);
  EXPECT_TRUE(guard["unable"].is_null());
  const Json decision = guard["decisions"][0];
  EXPECT_THAT(keys(decision), ElementsAre("images", "action", "evidence"));
  EXPECT_EQ(decision["images"], 64);
  EXPECT_EQ(decision["action"], "hold");
  EXPECT_THAT(keys(decision["evidence"]),
              ElementsAre("images", "batches", "gain", "error", "agreement", "source_confidence", "adapted_confidence",
                          "source_classes", "adapted_classes"));
  EXPECT_EQ(decision["evidence"]["gain"], -0.08);
  EXPECT_EQ(to_json(eval::parse_results(to_json(result), "r.json")), to_json(result));
}

TEST(ResultsJson, FilesWithoutAGuardAreThoseOfEarlierVersions) {
  Json json = Json::parse(to_json(example()));
  json.erase("guard");
  EXPECT_EQ(to_json(eval::parse_results(json.dump(), "r.json")), to_json(example()));
}

TEST(ResultsJson, SegmentationHasItsOwnFields) {
  eval::EvalResult result = example();
  result.plan.task = eval::Task::kSegmentation;
  result.plan.labels = "labels";
  result.plan.ignore_index = 255;
  result.plan.classes.clear();
  result.classes = {{"source", {}, {{3, 8}, {0, 0}}}};
  const Json json = Json::parse(to_json(result));
  EXPECT_EQ(json["labels"], "labels");
  EXPECT_EQ(json["ignore_index"], 255);
  EXPECT_TRUE(json["classes"]["source"].is_null());
  EXPECT_THAT(keys(json["class_counts"][0]), ElementsAre("rule", "intersection", "union"));
  EXPECT_EQ(json["class_counts"][0]["union"], Json({8, 0}));
}

class ResultsRead : public FolderTest {};

TEST_F(ResultsRead, WhatWasWrittenGivesTheSameBytesAgain) {
  eval::EvalResult result = example();
  for (const eval::Task task : {eval::Task::kClassification, eval::Task::kSegmentation}) {
    result.plan.task = task;
    if (task == eval::Task::kSegmentation) {
      result.plan.ignore_index = 255;
      result.plan.classes.clear();
      result.classes = {{"source", {}, {{3, 8}, {0, 0}}}};
    }
    write_results(result, folder / "r.json", ResultsFormat::kJson);
    EXPECT_EQ(to_json(eval::read_results(folder / "r.json")), to_json(result));
  }
}

TEST(ResultsCsv, HasTimmsColumns) {
  eval::EvalResult result = make_result({"fog/3"}, {"ema:momentum=0.1,order=use-update"}, {{69.234}});
  result.cells[0].skipped = 2;
  EXPECT_EQ(
      to_csv(result),
      "domain,rule,images,top1,top1_err,top5,top5_err,nll,ece,top1_low,top1_high,skipped,protocol,batch_size,seed,"
      "mean_class,brier,adaptive_ece,broken,repaired,gain_low,gain_high,p_value,miou,pixel_accuracy\n"
      "fog/3,\"ema:momentum=0.1,order=use-update\",2000,69.2340,30.7660,90.0000,10.0000,1.500000,0.125000,"
      "67.2340,71.2340,2,reset-each-domain,200,7,,,,,,,,,,\n");
}

TEST(ResultsCsv, NumbersThatDoNotExistAreEmpty) {
  eval::EvalResult result = make_result({"fog"}, {"source"}, {{1}});
  result.cells[0].scores = {};
  EXPECT_THAT(to_csv(result), HasSubstr("fog,source,0,,,,,,,,,0,reset-each-domain,200,7,,,,,,,,,,\n"));
}

class ResultsFile : public FolderTest {};

TEST_F(ResultsFile, IsWrittenInTheFormatAskedFor) {
  write_results(example(), folder / "r.json", ResultsFormat::kJson);
  write_results(example(), folder / "r.csv", ResultsFormat::kCsv);
  EXPECT_EQ(read_file(folder / "r.json"), to_json(example()));
  EXPECT_EQ(read_file(folder / "r.csv"), to_csv(example()));
}

TEST(ResultsFormats, AreReadAndGuessed) {
  EXPECT_EQ(parse_results_format("json"), ResultsFormat::kJson);
  EXPECT_EQ(parse_results_format("csv"), ResultsFormat::kCsv);
  EXPECT_THAT([] { parse_results_format("xml"); },
              ThrowsMessage<UsageError>(HasSubstr("expected json, csv, markdown or robustbench")));
  EXPECT_EQ(guess_results_format("a/b.csv"), ResultsFormat::kCsv);
  EXPECT_EQ(guess_results_format("a/b.md"), ResultsFormat::kMarkdown);
  EXPECT_EQ(guess_results_format("a/b"), ResultsFormat::kJson);
}

}  // namespace
}  // namespace ttscale::report
