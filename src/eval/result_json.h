// SPDX-License-Identifier: MIT
// Results as JSON and back, without loss: what is read from a file writes the same bytes again. The format is described
// in src/report/README.md.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "eval/result.h"

namespace ttscale::eval {

/// Version of the format, raised when a field changes or goes.
constexpr int kResultsVersion = 2;

/// The JSON document, a line an entry of the long lists, with a newline at its end. NaN and infinite numbers are null;
/// bytes that are no UTF-8 are replaced.
std::string to_json(const EvalResult& result);

/// Reads a results file. Throws DataError that says what is wrong with it.
EvalResult read_results(const std::filesystem::path& file);

/// The same of the text of a file; `file` is for messages.
EvalResult parse_results(const std::string& text, const std::filesystem::path& file);

/// Parts of the document.
nlohmann::ordered_json plan_to_json(const EvalPlan& plan);
nlohmann::ordered_json cell_to_json(const Cell& cell);
Cell cell_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json example_to_json(const Example& example);
Example example_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json classes_to_json(const RuleClasses& classes);
RuleClasses classes_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json guard_to_json(const GuardSummary& guard);
GuardSummary guard_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json skipped_to_json(const SkippedFile& file);
SkippedFile skipped_from_json(const nlohmann::ordered_json& json);

/// The text of one value; bytes that are no UTF-8 are replaced.
std::string dump_line(const nlohmann::ordered_json& json);

/// What differs first between two plans, "model: a.pt and b.pt"; empty if nothing does. Shards are not compared.
std::string first_difference(const EvalPlan& a, const EvalPlan& b);

}  // namespace ttscale::eval
