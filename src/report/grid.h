// SPDX-License-Identifier: MIT
// The numbers of one protocol and batch size as rows of domains and columns of rules.
#pragma once

#include <string>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// A row: the headline (top-1, mIoU) of each rule in %, NaN where there is none.
struct GridRow {
  std::string name;
  std::vector<double> values;
  /// How sure each difference from source is: '!' a loss, its 95 % interval excludes zero; '~' the interval includes
  /// zero; ' ' a gain, or no interval.
  std::string marks;
};

/// One protocol and batch size; numbers are means over seeds.
struct Grid {
  eval::Setting group;  ///< of EvalResult::groups()
  std::vector<GridRow> rows;
  GridRow mean;  ///< over the domains
};

/// A grid a group, rules in the order of the plan.
std::vector<Grid> grids_of(const eval::EvalResult& result);

/// The same of another rate in place of the headline, without marks: the intervals are those of the headline.
std::vector<Grid> grids_of(const eval::EvalResult& result, double eval::Scores::*rate);

/// "protocol continual, batch size 64".
std::string group_text(const eval::Setting& group);

/// The domain of a cell, and its setting where the result has several.
std::string place_of(const eval::EvalResult& result, const eval::Cell& cell);

/// The same with all that the numbers depend on: "protocol continual, batch size 64, order shuffled, seeds 0, 1 and 2".
std::string setting_text(const eval::EvalPlan& plan, const eval::Setting& group);

}  // namespace ttscale::report
