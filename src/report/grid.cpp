// SPDX-License-Identifier: MIT
// Means over seeds.
#include "report/grid.h"

namespace ttscale::report {
namespace {

double mean_over_seeds(const eval::EvalResult& result, const eval::Setting& group, const std::string& domain,
                       const std::string& rule, double eval::Scores::*rate) {
  double sum = 0;
  int count = 0;
  for (const eval::Setting& setting : result.plan.settings) {
    if (setting.protocol != group.protocol || setting.batch_size != group.batch_size) {
      continue;
    }
    if (const eval::Cell* cell = result.find(setting, domain, rule)) {
      sum += cell->scores.*rate;
      ++count;
    }
  }
  return count == 0 ? eval::Scores::kNone : sum / count;
}

}  // namespace

std::vector<Grid> grids_of(const eval::EvalResult& result) {
  return grids_of(result, result.plan.task == eval::Task::kClassification ? &eval::Scores::top1 : &eval::Scores::miou);
}

std::vector<Grid> grids_of(const eval::EvalResult& result, double eval::Scores::*rate) {
  std::vector<Grid> grids;
  for (const eval::Setting& group : result.groups()) {
    Grid grid{group, {}, {"mean", {}}};
    for (const eval::DomainPlan& domain : result.plan.domains) {
      GridRow row{domain.name, {}};
      for (const eval::RulePlan& rule : result.plan.rules) {
        row.values.push_back(mean_over_seeds(result, group, domain.name, rule.label, rate));
      }
      grid.rows.push_back(std::move(row));
    }
    for (const eval::RuleMean& mean : result.means()) {
      if (mean.protocol == group.protocol && mean.batch_size == group.batch_size) {
        grid.mean.values.push_back(mean.scores.*rate);
      }
    }
    grids.push_back(std::move(grid));
  }
  return grids;
}

std::string group_text(const eval::Setting& group) {
  return "protocol " + group.protocol + ", batch size " + std::to_string(group.batch_size);
}

}  // namespace ttscale::report
