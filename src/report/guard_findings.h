// SPDX-License-Identifier: MIT
// What the guards of an evaluation did, rule by rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// A rule that was watched, over all its finished cells.
struct GuardedRule {
  std::string rule;
  std::size_t cells = 0;
  std::int64_t compared = 0;             ///< images
  std::string unable;                    ///< why the guard could not watch, in words
  std::vector<const eval::Cell*> acted;  ///< where it did anything but keep, in the order of the result

  /// "kept adapting as the rule says everywhere (9 cells, 320 images compared)".
  [[nodiscard]] std::string summary() const;
};

/// Watched rules in the order of the plan. The result must outlive them.
std::vector<GuardedRule> guarded_rules(const eval::EvalResult& result);

/// A line a decision of the cell, at most `most` and one that says how many more there are.
std::vector<std::string> guard_words(const eval::GuardSummary& guard, std::size_t most);

/// What a list of cells ends with where it is cut: "and 3 more cells".
std::string more_cells(std::size_t count);

}  // namespace ttscale::report
