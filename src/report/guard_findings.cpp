// SPDX-License-Identifier: MIT
// Guards in sentences.
#include "report/guard_findings.h"

#include <algorithm>

#include "report/format.h"

namespace ttscale::report {
namespace {

bool acted(const eval::GuardSummary& guard) { return guard.action != GuardAction::kKeep || !guard.decisions.empty(); }

}  // namespace

std::string GuardedRule::summary() const {
  const std::string seen =
      count_of(cells, "cell") + ", " + count_of(static_cast<std::size_t>(compared), "image") + " compared";
  if (acted.empty()) {
    return unable.empty() ? "kept adapting as the rule says everywhere (" + seen + ")" : "could not watch: " + unable;
  }
  return "acted in " + std::to_string(acted.size()) + " of " + seen +
         (unable.empty() ? "" : "; then it could not watch any more: " + unable);
}

std::vector<GuardedRule> guarded_rules(const eval::EvalResult& result) {
  std::vector<GuardedRule> rules;
  for (const eval::RulePlan& plan : result.plan.rules) {
    GuardedRule rule{plan.label, 0, 0, {}, {}};
    for (const eval::Cell& cell : result.cells) {
      if (cell.rule != plan.label || !cell.guard) {
        continue;
      }
      rule.cells += 1;
      rule.compared += cell.guard->compared;
      rule.unable = cell.guard->unable.empty() ? rule.unable : cell.guard->unable;
      if (acted(*cell.guard)) {
        rule.acted.push_back(&cell);
      }
    }
    if (rule.cells > 0) {
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

std::vector<std::string> guard_words(const eval::GuardSummary& guard, std::size_t most) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < std::min(guard.decisions.size(), most); ++i) {
    words.push_back(describe(guard.decisions[i]));
  }
  const std::size_t more = guard.decisions.size() - words.size() + static_cast<std::size_t>(guard.left_out);
  if (more > 0) {
    words.push_back(count_of(more, "decision") + " more, the last: " + to_string(guard.action));
  }
  if (words.empty()) {
    words.push_back(std::string(to_string(guard.action)) + " throughout, as decided before in the stream");
  }
  return words;
}

std::string more_cells(std::size_t count) { return "and " + std::to_string(count) + " more of these cells"; }

}  // namespace ttscale::report
