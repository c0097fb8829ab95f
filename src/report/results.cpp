// SPDX-License-Identifier: MIT
// The CSV of results, and which format a file has.
#include "report/results.h"

#include "base/file.h"
#include "report/csv.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

constexpr int kPercentDecimals = 4;  // as timm
constexpr int kDecimals = 6;

std::string percent(double value) { return csv_number(value, kPercentDecimals); }

std::string row(const eval::Cell& cell) {
  const eval::Scores& scores = cell.scores;
  return csv_row({cell.domain, cell.rule, std::to_string(scores.images), percent(scores.top1),
                  percent(100 - scores.top1), percent(scores.top5), percent(100 - scores.top5),
                  csv_number(scores.nll, kDecimals), csv_number(scores.ece, kDecimals), percent(scores.top1_low),
                  percent(scores.top1_high), std::to_string(cell.skipped)});
}

}  // namespace

ResultsFormat parse_results_format(const std::string& text) {
  if (text == "json") {
    return ResultsFormat::kJson;
  }
  if (text == "csv") {
    return ResultsFormat::kCsv;
  }
  throw UsageError("results format: expected json or csv, found \"" + text + "\"");
}

ResultsFormat guess_results_format(const std::filesystem::path& file) {
  return file.extension() == ".csv" ? ResultsFormat::kCsv : ResultsFormat::kJson;
}

std::string to_csv(const eval::EvalResult& result) {
  std::string text = "domain,rule,images,top1,top1_err,top5,top5_err,nll,ece,top1_low,top1_high,skipped\n";
  for (const eval::Cell& cell : result.cells) {
    text += row(cell);
  }
  return text;
}

void write_results(const eval::EvalResult& result, const std::filesystem::path& file, ResultsFormat format) {
  write_file(file, format == ResultsFormat::kJson ? to_json(result) : to_csv(result));
}

}  // namespace ttscale::report
