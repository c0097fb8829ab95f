// SPDX-License-Identifier: MIT
// Results as files: JSON for programs, CSV with timm's columns. The formats are described in src/report/README.md.
#pragma once

#include <filesystem>
#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// Formats of a results file.
enum class ResultsFormat { kJson, kCsv, kMarkdown, kRobustBench };

/// The format of that name ("json", "csv", "markdown", "robustbench"); throws UsageError for any other text.
ResultsFormat parse_results_format(const std::string& text);

/// kCsv for a name that ends in .csv, kMarkdown for .md, else kJson.
ResultsFormat guess_results_format(const std::filesystem::path& file);

/// The CSV: a header, then a row a finished cell. NaN is an empty field.
std::string to_csv(const eval::EvalResult& result);

/// Throws UsageError if the format cannot hold results of that plan (RobustBench's): for asking before the work.
void check_format(const eval::EvalPlan& plan, ResultsFormat format);

/// The document in a format. Throws what check_format() throws.
std::string to_text(const eval::EvalResult& result, ResultsFormat format);

/// Writes to_text() to a file, all or nothing (write_file()). Throws Error naming the path and the reason.
void write_results(const eval::EvalResult& result, const std::filesystem::path& file, ResultsFormat format);

}  // namespace ttscale::report
