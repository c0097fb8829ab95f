// SPDX-License-Identifier: MIT
// Gains, costs and warnings.
#include "report/findings.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "report/advice.h"
#include "report/corruption.h"
#include "report/format.h"
#include "report/grid.h"

namespace ttscale::report {
namespace {

/// Points of a rule over source in one domain.
struct Gain {
  std::string domain;
  double points = 0;
};

/// How a rule stands against source.
struct Verdict {
  std::string rule;
  std::vector<Gain> gains;  ///< of the domains in which both are finished
  double mean = 0;

  [[nodiscard]] const Gain& best() const { return *std::max_element(gains.begin(), gains.end(), less); }
  [[nodiscard]] const Gain& worst() const { return *std::min_element(gains.begin(), gains.end(), less); }
  [[nodiscard]] std::size_t worse() const {
    return static_cast<std::size_t>(
        std::count_if(gains.begin(), gains.end(), [](const Gain& gain) { return gain.points < 0; }));
  }
  static bool less(const Gain& a, const Gain& b) { return a.points < b.points; }
};

Verdict verdict_of(const Grid& grid, std::size_t rule, std::size_t source, const std::string& label) {
  Verdict verdict{label, {}, 0};
  for (const GridRow& row : grid.rows) {
    const double points = row.values[rule] - row.values[source];
    if (!std::isnan(points)) {
      verdict.gains.push_back({row.name, points});
    }
  }
  const double sum = std::accumulate(verdict.gains.begin(), verdict.gains.end(), 0.0,
                                     [](double total, const Gain& gain) { return total + gain.points; });
  verdict.mean = sum / static_cast<double>(std::max<std::size_t>(verdict.gains.size(), 1));
  return verdict;
}

std::vector<Verdict> verdicts_of(const eval::EvalResult& result) {
  std::vector<Verdict> verdicts;
  const auto source = source_index(result.plan);
  const bool judged = source && !is_part(result.plan);  // what a part has of the domains and seeds is no fair sample
  const std::vector<Grid> grids = judged ? grids_of(result) : std::vector<Grid>();
  for (const Grid& grid : grids) {
    for (std::size_t i = 0; i < result.plan.rules.size(); ++i) {
      const std::string where = grids.size() > 1 ? group_text(grid.group) + ": " : "";
      Verdict verdict = verdict_of(grid, i, *source, where + result.plan.rules[i].label);
      if (i != *source && !verdict.gains.empty()) {
        verdicts.push_back(std::move(verdict));
      }
    }
  }
  return verdicts;
}

std::string sentence_of(const Verdict& verdict) {
  const std::string amount = fixed(std::abs(verdict.mean), 2);
  const bool several = verdict.gains.size() > 1;
  std::string text = verdict.rule;
  if (amount == "0.00") {
    text += " neither gains nor costs";
  } else {
    text += (verdict.mean > 0 ? " gains " : " costs ") + amount + " points";
  }
  if (!several) {
    return text + " against source.";
  }
  return text + " on average against source: from " + points(verdict.worst().points) + " (" + verdict.worst().domain +
         ") to " + points(verdict.best().points) + " (" + verdict.best().domain + ").";
}

std::string warning_of(const Verdict& verdict) {
  const std::size_t worse = verdict.worse();
  if (worse == 0) {
    return {};
  }
  if (verdict.gains.size() == 1) {
    return "warning: " + verdict.rule + " is worse than source on this data.";
  }
  return "warning: " + verdict.rule + " is worse than source " + (verdict.mean < 0 ? "on average, and on " : "on ") +
         std::to_string(worse) + " of " + count_of(verdict.gains.size(), "domain") + ".";
}

/// mIoU is no mean over images, so that only gains have intervals.
std::string gain_interval_sentence(const eval::EvalResult& result) {
  double half = -1;
  std::int64_t fewest = 0;
  for (const eval::Cell& cell : result.cells) {
    const double width = cell.change ? (cell.change->high - cell.change->low) / 2 : eval::Scores::kNone;
    if (width > half) {
      half = width;
      fewest = cell.scores.images;
    }
  }
  if (half < 0) {
    return {};
  }
  return "95 % interval of a gain in mIoU on one domain: at most +-" + fixed(half, 2) +
         " points (paired bootstrap over " + count_of(static_cast<std::size_t>(fewest), "image") + ").";
}

std::string interval_sentence(const eval::EvalResult& result) {
  if (result.plan.task == eval::Task::kSegmentation) {
    return gain_interval_sentence(result);
  }
  double half = -1;
  std::int64_t fewest = 0;
  for (const eval::Cell& cell : result.cells) {
    const double width = (cell.scores.top1_high - cell.scores.top1_low) / 2;
    if (width > half) {
      half = width;
      fewest = cell.scores.images;
    }
  }
  if (half < 0) {
    return {};
  }
  return "95 % interval of a top-1: at most +-" + fixed(half, 2) + " points (Wilson, " +
         count_of(static_cast<std::size_t>(fewest), "image") + ").";
}

std::vector<std::string> trouble_of(const eval::EvalResult& result) {
  std::vector<std::string> lines;
  for (const eval::RuleMean& mean : result.means()) {
    if (mean.scores.non_finite > 0) {
      lines.push_back("warning: under " + mean.rule + " the model gave NaN or infinite scores for " +
                      count_of(static_cast<std::size_t>(mean.scores.non_finite), unit_name(result.plan.task)) +
                      ", counted as wrong.");
    }
  }
  if (!result.skipped.empty()) {
    lines.push_back("warning: " + count_of(result.skipped.size(), "image") + " could not be read and " +
                    (result.skipped.size() == 1 ? "was" : "were") + " left out.");
  }
  if (result.partial) {
    const std::size_t rules = std::max<std::size_t>(result.plan.rules.size(), 1);
    const std::size_t all = result.plan.domains.size() * result.plan.settings.size();
    lines.push_back("warning: interrupted after " + std::to_string(result.cells.size() / rules) + " of " +
                    count_of(all, "domain") + "; the others are not in these numbers.");
  }
  return lines;
}

}  // namespace

std::optional<std::size_t> source_index(const eval::EvalPlan& plan) {
  const auto found = std::find_if(plan.rules.begin(), plan.rules.end(),
                                  [](const eval::RulePlan& rule) { return rule.resolved == "source"; });
  return found == plan.rules.end() ? std::nullopt : std::optional<std::size_t>(found - plan.rules.begin());
}

std::string unit_name(eval::Task task) { return task == eval::Task::kClassification ? "image" : "pixel"; }

bool is_part(const eval::EvalPlan& plan) { return plan.shard.count > 1; }

std::string part_note(const eval::EvalPlan& plan) {
  return is_part(plan) ? "part " + std::to_string(plan.shard.index) + " of " + std::to_string(plan.shard.count) +
                             ": merge the parts (`ttscale merge`) for means and advice"
                       : std::string();
}

std::string findings(const eval::EvalResult& result, std::size_t width) {
  std::vector<std::string> lines{interval_sentence(result)};
  const std::vector<Verdict> verdicts = verdicts_of(result);
  for (const Verdict& verdict : verdicts) {
    lines.push_back(sentence_of(verdict));
  }
  for (const Verdict& verdict : verdicts) {
    lines.push_back(warning_of(verdict));
  }
  for (const auto& [name, text] : corruption_rows(result)) {
    lines.push_back(name + ": " + text + ".");
  }
  for (std::string& line : trouble_of(result)) {
    lines.push_back(std::move(line));
  }
  if (is_part(result.plan)) {
    lines.push_back(part_note(result.plan) + ".");
  }
  const Advice advice = advise(html::Summary(result));
  if (!advice.empty()) {
    lines.push_back((result.partial ? "so far: " : "advice: ") + advice.what + ". " + advice.evidence);
  }
  std::string text;
  for (const std::string& line : lines) {
    text += line.empty() ? "" : wrap_sentence(line, width);
  }
  return text;
}

}  // namespace ttscale::report
