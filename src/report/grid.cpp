// SPDX-License-Identifier: MIT
// Means over seeds.
#include "report/grid.h"

#include <algorithm>
#include <exception>

#include "eval/protocol.h"
#include "report/format.h"
#include "report/html/summary.h"

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

char mark_of(const html::Gain& gain) {
  if (!gain.has_interval()) {
    return ' ';
  }
  return gain.unclear() ? '~' : gain.points < 0 ? '!' : ' ';
}

void add_marks(Grid& grid, const html::Summary& summary) {
  const auto& groups = summary.groups();
  const auto group = std::find_if(groups.begin(), groups.end(), [&](const html::Group& other) {
    return other.protocol == grid.group.protocol && other.batch_size == grid.group.batch_size;
  });
  for (GridRow& row : grid.rows) {
    row.marks.clear();
  }
  grid.mean.marks.clear();
  for (const eval::RulePlan& rule : summary.plan().rules) {
    for (GridRow& row : grid.rows) {
      row.marks += group == groups.end() ? ' ' : mark_of(summary.entry(*group, row.name, rule.label).gain);
    }
    grid.mean.marks += group == groups.end() ? ' ' : mark_of(summary.mean_gain(*group, rule.label));
  }
}

/// The order of images within a domain.
std::string order_text(const eval::EvalPlan& plan, const std::string& protocol) {
  if (!plan.order.empty()) {
    return plan.order;
  }
  try {
    return eval::parse_protocol(protocol)->orders_images() ? "the protocol's" : "shuffled";
  } catch (const std::exception&) {  // a file of an order that is not here any more
    return "the protocol's";
  }
}

}  // namespace

std::vector<Grid> grids_of(const eval::EvalResult& result) {
  std::vector<Grid> grids =
      grids_of(result, result.plan.task == eval::Task::kClassification ? &eval::Scores::top1 : &eval::Scores::miou);
  const html::Summary summary(result);
  for (Grid& grid : grids) {
    add_marks(grid, summary);
  }
  return grids;
}

std::vector<Grid> grids_of(const eval::EvalResult& result, double eval::Scores::*rate) {
  std::vector<Grid> grids;
  for (const eval::Setting& group : result.groups()) {
    const std::string unmarked(result.plan.rules.size(), ' ');
    Grid grid{group, {}, {"mean", {}, unmarked}};
    for (const eval::DomainPlan& domain : result.plan.domains) {
      GridRow row{domain.name, {}, unmarked};
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

std::string setting_text(const eval::EvalPlan& plan, const eval::Setting& group) {
  std::vector<std::string> seeds;
  for (const eval::Setting& setting : plan.settings) {
    if (setting.protocol == group.protocol && setting.batch_size == group.batch_size) {
      seeds.push_back(std::to_string(setting.seed));
    }
  }
  return group_text(group) + ", order " + order_text(plan, group.protocol) +
         (seeds.size() > 1 ? ", seeds " : ", seed ") + list_of(seeds);
}

std::string place_of(const eval::EvalResult& result, const eval::Cell& cell) {
  if (result.plan.settings.size() < 2) {
    return cell.domain;
  }
  return cell.domain + ", " + group_text(cell.setting) + ", seed " + std::to_string(cell.setting.seed);
}

}  // namespace ttscale::report
