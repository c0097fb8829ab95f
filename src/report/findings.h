// SPDX-License-Identifier: MIT
// What results mean, in sentences.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// The first rule that is `source`, by which the others are judged.
std::optional<std::size_t> source_index(const eval::EvalPlan& plan);

/// What is right or wrong: "image", or "pixel" for segmentation.
std::string unit_name(eval::Task task);

/// Whether the result is that of one shard of several.
bool is_part(const eval::EvalPlan& plan);

/// What a part has in place of means and advice: "part 1 of 3: merge the parts (`ttscale merge`) for means and advice".
/// Empty for a whole result.
std::string part_note(const eval::EvalPlan& plan);

/// Lines: the confidence interval, what each rule gained or cost against source, warnings, last what to do (advice.h),
/// or part_note().
std::string findings(const eval::EvalResult& result, std::size_t width);

}  // namespace ttscale::report
