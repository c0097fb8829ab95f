// SPDX-License-Identifier: MIT
// Indexing and averaging.
#include "report/html/summary.h"

#include <algorithm>
#include <cmath>
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

/// The intervals that cells have of their own (paired bootstrap), averaged; none unless each has one.
metrics::Interval interval_over_images(const std::vector<const eval::Cell*>& cells) {
  if (cells.empty()) {
    return {};
  }
  metrics::Interval sum{0, 0};
  for (const eval::Cell* cell : cells) {
    sum.low += cell->change ? cell->change->low : eval::Scores::kNone;
    sum.high += cell->change ? cell->change->high : eval::Scores::kNone;
  }
  const auto count = static_cast<double>(cells.size());
  return {sum.low / count, sum.high / count};
}

/// Half the interval over images of a mean over domains, each with its cells; NaN unless each cell has an interval. The
/// mean of theirs: domains of a tree of shifts show the same images, whose chance does not average out.
double half_over_domains(const std::vector<std::vector<const eval::Cell*>>& domains) {
  double sum = 0;
  for (const std::vector<const eval::Cell*>& cells : domains) {
    const metrics::Interval interval = interval_over_images(cells);
    sum += (interval.high - interval.low) / 2;
  }
  return sum / static_cast<double>(domains.size());
}

/// The mean over seeds. They differ in the order of the images only: a rule that does not depend on it gains the same
/// under each, however few the images. So the interval spans that over seeds and that over images.
Gain gain_over_seeds(const std::vector<double>& gains, const metrics::Interval& over_images) {
  const metrics::RepeatedMean mean = metrics::mean_of_repeats(gains);
  if (std::isnan(mean.mean)) {
    return {};
  }
  // fmin and fmax leave out an interval that does not exist.
  return {mean.mean, std::fmin(mean.interval.low, over_images.low), std::fmax(mean.interval.high, over_images.high)};
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

double Summary::points_of(const Pair& pair) const {
  return eval::headline(pair.adapted->scores, plan().task) - eval::headline(pair.plain->scores, plan().task);
}

std::vector<Summary::Pair> Summary::pairs(const Group& group, std::uint64_t seed, const std::string& rule) const {
  std::vector<Pair> pairs;
  for (const std::string& domain : group.stream) {
    const Pair pair{cell(group, seed, domain, rule), cell(group, seed, domain, *source_)};
    if (pair.adapted == nullptr || pair.plain == nullptr) {
      return {};
    }
    pairs.push_back(pair);
  }
  return pairs;
}

Entry Summary::entry(const Group& group, const std::string& domain, const std::string& rule) const {
  Entry entry;
  std::vector<double> values;
  std::vector<double> gains;
  std::vector<const eval::Cell*> compared;
  for (const std::uint64_t seed : group.seeds) {
    const eval::Cell* found = cell(group, seed, domain, rule);
    if (found == nullptr) {
      continue;
    }
    entry.cells.push_back(found);
    values.push_back(eval::headline(found->scores, plan().task));
    const eval::Cell* plain = source_ ? cell(group, seed, domain, *source_) : nullptr;
    if (plain != nullptr && plain != found) {
      gains.push_back(points_of({found, plain}));
      compared.push_back(found);
    }
  }
  entry.value = mean_of(values);
  entry.gain = gain_over_seeds(gains, interval_over_images(compared));
  return entry;
}

const eval::RuleMean* Summary::mean(const Group& group, const std::string& rule) const {
  if (is_part(plan())) {
    return nullptr;
  }
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
  std::vector<std::vector<const eval::Cell*>> by_domain(group.stream.size());
  for (const std::uint64_t seed : group.seeds) {
    std::vector<double> gains;
    for (const Pair& pair : pairs(group, seed, rule)) {
      by_domain[gains.size()].push_back(pair.adapted);
      gains.push_back(points_of(pair));
    }
    if (!gains.empty()) {
      by_seed.push_back(mean_of(gains));
    }
  }
  if (by_seed.size() > 1) {
    const double middle = mean_of(by_seed);
    const double half = half_over_domains(by_domain);
    const Gain known = gain_over_seeds(by_seed, {middle - half, middle + half});
    gain.low = known.low;
    gain.high = known.high;
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
