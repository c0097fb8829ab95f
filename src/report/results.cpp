// SPDX-License-Identifier: MIT
// The CSV of results, and which format a file has.
#include "report/results.h"

#include "base/file.h"
#include "eval/result_json.h"
#include "report/csv.h"
#include "report/markdown.h"
#include "report/robustbench.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

constexpr int kPercentDecimals = 4;  // as timm
constexpr int kDecimals = 6;

std::string percent(double value) { return csv_number(value, kPercentDecimals); }

std::string count(const std::optional<eval::Change>& change, std::int64_t eval::Change::*member) {
  return change ? std::to_string((*change).*member) : std::string();
}

double number(const std::optional<eval::Change>& change, double eval::Change::*member) {
  return change ? (*change).*member : eval::Scores::kNone;
}

std::string row(const eval::Cell& cell) {
  const eval::Scores& scores = cell.scores;
  return csv_row({cell.domain,
                  cell.rule,
                  std::to_string(scores.images),
                  percent(scores.top1),
                  percent(100 - scores.top1),
                  percent(scores.top5),
                  percent(100 - scores.top5),
                  csv_number(scores.nll, kDecimals),
                  csv_number(scores.ece, kDecimals),
                  percent(scores.top1_low),
                  percent(scores.top1_high),
                  std::to_string(cell.skipped),
                  cell.setting.protocol,
                  std::to_string(cell.setting.batch_size),
                  std::to_string(cell.setting.seed),
                  percent(scores.mean_class),
                  csv_number(scores.brier, kDecimals),
                  csv_number(scores.adaptive_ece, kDecimals),
                  count(cell.change, &eval::Change::broken),
                  count(cell.change, &eval::Change::repaired),
                  percent(number(cell.change, &eval::Change::low)),
                  percent(number(cell.change, &eval::Change::high)),
                  csv_number(number(cell.change, &eval::Change::p_value), kDecimals),
                  percent(scores.miou),
                  percent(scores.pixel_accuracy)});
}

constexpr const char* kHeader =
    "domain,rule,images,top1,top1_err,top5,top5_err,nll,ece,top1_low,top1_high,skipped,protocol,batch_size,seed,"
    "mean_class,brier,adaptive_ece,broken,repaired,gain_low,gain_high,p_value,miou,"
    "pixel_accuracy\n";

struct Format {
  const char* name;
  ResultsFormat format;
};
constexpr Format kFormats[] = {{"json", ResultsFormat::kJson},
                               {"csv", ResultsFormat::kCsv},
                               {"markdown", ResultsFormat::kMarkdown},
                               {"robustbench", ResultsFormat::kRobustBench}};

}  // namespace

ResultsFormat parse_results_format(const std::string& text) {
  for (const Format& known : kFormats) {
    if (text == known.name) {
      return known.format;
    }
  }
  throw UsageError("results format: expected json, csv, markdown or robustbench, found \"" + text + "\"");
}

ResultsFormat guess_results_format(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".csv"  ? ResultsFormat::kCsv
         : extension == ".md" ? ResultsFormat::kMarkdown
                              : ResultsFormat::kJson;
}

void check_format(const eval::EvalPlan& plan, ResultsFormat format) {
  if (format == ResultsFormat::kRobustBench) {
    check_robustbench(plan);
  }
}

std::string to_csv(const eval::EvalResult& result) {
  std::string text = kHeader;
  for (const eval::Cell& cell : result.cells) {
    text += row(cell);
  }
  return text;
}

std::string to_text(const eval::EvalResult& result, ResultsFormat format) {
  switch (format) {
    case ResultsFormat::kJson:
      return eval::to_json(result);
    case ResultsFormat::kCsv:
      return to_csv(result);
    case ResultsFormat::kMarkdown:
      return to_markdown(result);
    case ResultsFormat::kRobustBench:
      break;
  }
  return to_robustbench_csv(result);
}

void write_results(const eval::EvalResult& result, const std::filesystem::path& file, ResultsFormat format) {
  write_file(file, to_text(result, format));
}

}  // namespace ttscale::report
