// SPDX-License-Identifier: MIT
// Which options go with which task.
#pragma once

#include <vector>

#include "eval/options.h"
#include "shift/shift.h"

namespace ttscale::eval {

/// Throws UsageError that names the first option that the task cannot use.
void check_task(const EvalOptions& options);

/// Throws UsageError for a shift that moves what an image shows: its label map would stay where it is.
void check_shifts_of_task(Task task, const std::vector<shift::Shift>& shifts);

}  // namespace ttscale::eval
