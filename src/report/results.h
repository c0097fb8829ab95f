// SPDX-License-Identifier: MIT
// Results as files: JSON for programs, CSV with timm's columns. The formats are described in src/report/README.md.
#pragma once

#include <filesystem>
#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// Formats of a results file.
enum class ResultsFormat { kJson, kCsv };

/// The format of that name ("json", "csv"); throws UsageError for any other text.
ResultsFormat parse_results_format(const std::string& text);

/// kCsv for a name that ends in .csv, else kJson.
ResultsFormat guess_results_format(const std::filesystem::path& file);

/// The JSON document, indented, with a newline at its end. NaN and infinite numbers are null.
std::string to_json(const eval::EvalResult& result);

/// The CSV: a header, then a row a finished cell. NaN is an empty field.
std::string to_csv(const eval::EvalResult& result);

/// Writes to_json() or to_csv() to a file, all or nothing (write_file()). Throws Error naming the path and the reason.
void write_results(const eval::EvalResult& result, const std::filesystem::path& file, ResultsFormat format);

}  // namespace ttscale::report
