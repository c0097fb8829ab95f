// SPDX-License-Identifier: MIT
// Two header rows and a row a rule.
#include "report/robustbench.h"

#include <cmath>
#include <optional>
#include <vector>

#include "base/option_text.h"
#include "eval/domain_name.h"
#include "report/csv.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

struct Column {
  std::string domain;
  std::string corruption;
  std::string severity;
};

Column column_of(const std::string& domain) {
  const eval::DomainName name = eval::parse_domain_name(domain);
  if (!name.severity || name.path != name.kind) {
    throw UsageError("results format robustbench: expected domains kind/severity like \"fog/3\", found \"" + domain +
                     "\"; evaluate a tree of that layout, or write json or csv");
  }
  return {domain, name.kind, std::to_string(*name.severity)};
}

std::vector<Column> columns_of(const eval::EvalPlan& plan) {
  if (plan.task != eval::Task::kClassification) {
    throw UsageError(
        "results format robustbench: expected a classification, found segmentation, which has no accuracy of images; "
        "write json or csv");
  }
  std::vector<Column> columns;
  for (const eval::DomainPlan& domain : plan.domains) {
    columns.push_back(column_of(domain.name));
  }
  return columns;
}

/// The share of right answers as a fraction of whole images, in the shortest digits that read back the same, as Python
/// writes numbers.
std::string accuracy_text(const eval::Cell* cell) {
  if (cell == nullptr || !std::isfinite(cell->scores.top1) || cell->scores.images == 0) {
    return {};
  }
  const auto images = static_cast<double>(cell->scores.images);
  return number_text(std::round(cell->scores.top1 * images / 100) / images);
}

std::string row_name(const eval::EvalPlan& plan, const eval::Setting& setting, const std::string& rule) {
  if (plan.settings.size() < 2) {
    return rule;
  }
  return rule + " (" + setting.protocol + ", batch size " + std::to_string(setting.batch_size) + ", seed " +
         std::to_string(setting.seed) + ")";
}

}  // namespace

void check_robustbench(const eval::EvalPlan& plan) { (void)columns_of(plan); }

std::string to_robustbench_csv(const eval::EvalResult& result) {
  const std::vector<Column> columns = columns_of(result.plan);
  std::vector<std::string> corruptions{""};
  std::vector<std::string> severities{""};
  for (const Column& column : columns) {
    corruptions.push_back(column.corruption);
    severities.push_back(column.severity);
  }
  std::string text = csv_row(corruptions) + csv_row(severities);
  for (const eval::Setting& setting : result.plan.settings) {
    for (const eval::RulePlan& rule : result.plan.rules) {
      std::vector<std::string> row{row_name(result.plan, setting, rule.label)};
      for (const Column& column : columns) {
        row.push_back(accuracy_text(result.find(setting, column.domain, rule.label)));
      }
      text += csv_row(row);
    }
  }
  return text;
}

}  // namespace ttscale::report
