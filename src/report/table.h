// SPDX-License-Identifier: MIT
// Results as a table for a terminal, and what they mean in words.
#pragma once

#include <cstdint>
#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// How the table is laid out.
struct TableOptions {
  std::int64_t width = 80;  ///< columns of the terminal; rules that do not fit go into further blocks below
};

/// A row a domain, a column a rule: top-1 (mIoU, and below it pixel accuracy) in %, behind it the gain or loss against
/// `source` in points where that rule is among them, * at the best of a row, ! and ~ where the gain is a loss or within
/// chance (GridRow); last the mean over domains. Above it the setting; below it the width of the confidence interval, a
/// sentence a rule on what adaptation gained or cost, warnings, and what to do. Ends with a newline.
std::string to_table(const eval::EvalResult& result, const TableOptions& options = {});

}  // namespace ttscale::report
