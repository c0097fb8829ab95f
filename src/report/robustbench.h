// SPDX-License-Identifier: MIT
// Results in the layout of RobustBench's table of unaggregated corruption results.
#pragma once

#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// Throws UsageError for a domain that is not kind/severity, and for segmentation.
void check_robustbench(const eval::EvalPlan& plan);

/// CSV as pandas writes RobustBench's `unaggregated_results.csv`: a header row of corruptions, one of severities, then
/// a row a rule with its accuracy 0..1 under each. Where there are several settings, a row a rule and setting, named
/// "rule (protocol, batch size 64, seed 0)". What is not finished is an empty field. Read it with
/// `pandas.read_csv(file, header=[0, 1], index_col=0)`. Throws what check_robustbench() throws.
std::string to_robustbench_csv(const eval::EvalResult& result);

}  // namespace ttscale::report
