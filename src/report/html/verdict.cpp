// SPDX-License-Identifier: MIT
// Greatest gains, greatest losses.
#include "report/html/verdict.h"

#include <cmath>

namespace ttscale::report::html {
namespace {

std::optional<Finding> mean_finding(const Summary& summary, const Group& group, const std::string& rule) {
  const Gain gain = summary.mean_gain(group, rule);
  if (!std::isfinite(gain.points)) {
    return std::nullopt;
  }
  const eval::Task task = summary.plan().task;
  const double source = eval::headline(summary.mean(group, *summary.source())->scores, task);
  return Finding{&group, rule, {}, eval::headline(summary.mean(group, rule)->scores, task), source, gain};
}

void keep_worst(const Summary& summary, const Group& group, const std::string& rule, std::optional<Finding>& worst) {
  for (const std::string& domain : group.stream) {
    const Entry entry = summary.entry(group, domain, rule);
    if (entry.gain.points < (worst ? worst->gain.points : 0)) {
      worst = Finding{&group, rule, domain, entry.value, entry.value - entry.gain.points, entry.gain};
    }
  }
}

}  // namespace

Verdict judge(const Summary& summary) {
  Verdict verdict;
  if (!summary.source()) {
    return verdict;
  }
  for (const Group& group : summary.groups()) {
    for (const std::string& rule : summary.adapting()) {
      const auto finding = mean_finding(summary, group, rule);
      if (finding && (!verdict.best || finding->gain.points > verdict.best->gain.points)) {
        verdict.best = finding;
      }
      keep_worst(summary, group, rule, verdict.worst);
    }
  }
  return verdict;
}

Balance balance_of(const Summary& summary, const Group& group, const std::string& rule) {
  Balance balance;
  for (const std::string& domain : group.stream) {
    const Gain gain = summary.entry(group, domain, rule).gain;
    if (std::isnan(gain.points)) {
      continue;
    }
    (gain.points > 0 ? balance.better : gain.points < 0 ? balance.worse : balance.equal) += 1;
    balance.known += gain.has_interval() ? 1 : 0;
    balance.unclear += gain.points != 0 && gain.unclear() ? 1 : 0;
  }
  return balance;
}

}  // namespace ttscale::report::html
