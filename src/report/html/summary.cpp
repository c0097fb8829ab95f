// SPDX-License-Identifier: MIT
// Indexing and averaging.
#include "report/html/summary.h"

#include <algorithm>
#include <numeric>

#include "metrics/repeats.h"
#include "report/findings.h"
#include "report/format.h"

namespace ttscale::report::html {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_new(std::vector<std::string>& names, const std::string& name) {
  if (!contains(names, name)) {
    names.push_back(name);
  }
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? eval::Scores::kNone
                        : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Gain gain_over_seeds(const std::vector<double>& gains) {
  const metrics::RepeatedMean mean = metrics::mean_of_repeats(gains);
  return {mean.mean, mean.interval.low, mean.interval.high};
}

}  // namespace

Summary::Summary(const eval::EvalResult& result)
    : result_(result), means_(result.means()), metric_(eval::headline_name(result.plan.task)) {
  if (const auto index = source_index(result.plan)) {
    source_ = result.plan.rules[*index].label;
  }
  for (const eval::RulePlan& rule : result.plan.rules) {
    if (!is_source(rule.label)) {
      adapting_.push_back(rule.label);
    }
  }
  for (const eval::Cell& cell : result.cells) {
    cells_[{cell.setting.protocol, cell.setting.batch_size, cell.setting.seed, cell.domain, cell.rule}] = &cell;
    add_to_group(cell);
  }
  for (Group& group : groups_) {
    std::vector<std::string> domains;
    for (const eval::DomainPlan& domain : result.plan.domains) {
      domains.push_back(domain.name);
    }
    std::for_each(group.stream.begin(), group.stream.end(), [&](const auto& name) { add_new(domains, name); });
    group.domains = std::move(domains);
  }
}

void Summary::add_to_group(const eval::Cell& cell) {
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& other) {
    return other.protocol == cell.setting.protocol && other.batch_size == cell.setting.batch_size;
  });
  if (group == groups_.end()) {
    group = groups_.insert(groups_.end(), Group{cell.setting.protocol, cell.setting.batch_size, {}, {}, {}});
  }
  if (std::find(group->seeds.begin(), group->seeds.end(), cell.setting.seed) == group->seeds.end()) {
    group->seeds.push_back(cell.setting.seed);
  }
  add_new(group->stream, cell.domain);
}

const eval::Cell* Summary::cell(const Group& group, std::uint64_t seed, const std::string& domain,
                                const std::string& rule) const {
  const auto found = cells_.find({group.protocol, group.batch_size, seed, domain, rule});
  return found == cells_.end() ? nullptr : found->second;
}

Entry Summary::entry(const Group& group, const std::string& domain, const std::string& rule) const {
  Entry entry;
  std::vector<double> values;
  std::vector<double> gains;
  for (const std::uint64_t seed : group.seeds) {
    const eval::Cell* found = cell(group, seed, domain, rule);
    if (found == nullptr) {
      continue;
    }
    entry.cells.push_back(found);
    values.push_back(eval::headline(found->scores, plan().task));
    const eval::Cell* plain = source_ ? cell(group, seed, domain, *source_) : nullptr;
    if (plain != nullptr && plain != found) {
      gains.push_back(values.back() - eval::headline(plain->scores, plan().task));
    }
  }
  entry.value = mean_of(values);
  if (gains.size() > 1) {
    entry.gain = gain_over_seeds(gains);
  } else if (gains.size() == 1) {
    const auto& change = entry.cells.front()->change;
    entry.gain = {gains.front(), change ? change->low : eval::Scores::kNone,
                  change ? change->high : eval::Scores::kNone};
  }
  return entry;
}

const eval::RuleMean* Summary::mean(const Group& group, const std::string& rule) const {
  const auto found = std::find_if(means_.begin(), means_.end(), [&](const eval::RuleMean& mean) {
    return mean.protocol == group.protocol && mean.batch_size == group.batch_size && mean.rule == rule;
  });
  return found == means_.end() ? nullptr : &*found;
}

Gain Summary::mean_gain(const Group& group, const std::string& rule) const {
  const eval::RuleMean* adapted = mean(group, rule);
  const eval::RuleMean* plain = source_ ? mean(group, *source_) : nullptr;
  if (adapted == nullptr || plain == nullptr || is_source(rule) || adapted->domains != plain->domains) {
    return {};
  }
  if (group.stream.size() == 1) {
    return entry(group, group.stream.front(), rule).gain;
  }
  Gain gain{eval::headline(adapted->scores, plan().task) - eval::headline(plain->scores, plan().task), {}, {}};
  gain.low = gain.high = eval::Scores::kNone;
  std::vector<double> by_seed;
  for (const std::uint64_t seed : group.seeds) {
    std::vector<double> gains;
    for (const std::string& domain : group.stream) {
      const eval::Cell* a = cell(group, seed, domain, rule);
      const eval::Cell* b = cell(group, seed, domain, *source_);
      if (a != nullptr && b != nullptr) {
        gains.push_back(eval::headline(a->scores, plan().task) - eval::headline(b->scores, plan().task));
      }
    }
    if (gains.size() == group.stream.size()) {  // a seed that is not through would compare other domains
      by_seed.push_back(mean_of(gains));
    }
  }
  if (by_seed.size() > 1) {
    const Gain over_seeds = gain_over_seeds(by_seed);
    gain.low = over_seeds.low;
    gain.high = over_seeds.high;
  }
  return gain;
}

std::string Summary::name(const Group& group) {
  std::string name = group.protocol + ", batch size " + std::to_string(group.batch_size);
  if (group.seeds.size() > 1) {
    name += ", mean over " + count_of(group.seeds.size(), "seed");
  }
  return name;
}

}  // namespace ttscale::report::html
