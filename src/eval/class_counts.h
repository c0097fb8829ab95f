// SPDX-License-Identifier: MIT
// Adds up what results of several cells or shards hold together.
#pragma once

#include <vector>

#include "eval/result.h"

namespace ttscale::eval {

/// Adds counts of classes to those of the same rule, or appends them.
void add_classes(std::vector<RuleClasses>& sums, const RuleClasses& more);

/// Orders the files that were left out by domain and path, each once: several settings meet the same file.
void sort_skipped(EvalResult& result);

}  // namespace ttscale::eval
