// SPDX-License-Identifier: MIT
// Collects errors by kind and severity.
#include "report/corruption.h"

#include <algorithm>

#include "eval/domain_name.h"
#include "metrics/corruption_error.h"
#include "report/findings.h"
#include "report/format.h"
#include "report/grid.h"

namespace ttscale::report {
namespace {

constexpr std::int64_t kMostSeverity = 5;
constexpr std::size_t kImageNetClasses = 1000;

/// Whether the errors may be set against AlexNet's: those are of ImageNet's classes, on images that were shifted at
/// 224x224. Shifts on the fly are made at an image's own size. A part has domains, or seeds of them, by chance.
bool is_comparable(const eval::EvalPlan& plan) {
  return plan.task == eval::Task::kClassification && plan.classes.size() == kImageNetClasses && plan.shifts.empty() &&
         !is_part(plan);
}

metrics::CorruptionError error_of(const Grid& grid, std::size_t rule) {
  const auto& standard = metrics::standard_corruptions();
  std::map<std::string, metrics::SeverityErrors> errors;
  std::optional<double> clean;
  for (const GridRow& row : grid.rows) {
    const eval::DomainName name = eval::parse_domain_name(row.name);
    const double error = 1 - row.values[rule] / 100;
    if (!name.severity && name.kind == "clean") {
      clean = error;
    } else if (name.severity && *name.severity >= 1 && *name.severity <= kMostSeverity &&
               std::find(standard.begin(), standard.end(), name.kind) != standard.end()) {
      errors[name.kind][*name.severity] = error;
    }
  }
  return metrics::corruption_error(errors, clean);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> corruption_rows(const eval::EvalResult& result) {
  std::vector<std::pair<std::string, std::string>> rows;
  if (!is_comparable(result.plan)) {
    return rows;
  }
  const std::vector<Grid> grids = grids_of(result);
  for (const Grid& grid : grids) {
    for (std::size_t i = 0; i < result.plan.rules.size(); ++i) {
      const metrics::CorruptionError error = error_of(grid, i);
      if (!error.mean) {
        continue;
      }
      std::string text = "mCE " + fixed(100 * *error.mean, 2) + " %";
      if (error.relative_mean) {
        text += ", relative mCE " + fixed(100 * *error.relative_mean, 2) + " %";
      }
      const std::string where = grids.size() > 1 ? group_text(grid.group) + ": " : "";
      rows.emplace_back(where + result.plan.rules[i].label, text + " (AlexNet is 100)");
    }
  }
  return rows;
}

}  // namespace ttscale::report
