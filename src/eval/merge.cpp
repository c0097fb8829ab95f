// SPDX-License-Identifier: MIT
// Checks that shards belong together, and joins them.
#include "eval/merge.h"

#include <algorithm>
#include <tuple>

#include "eval/class_counts.h"
#include "eval/examples.h"
#include "eval/result_json.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

void check_shards(const std::vector<EvalResult>& shards, const std::vector<std::string>& names) {
  if (shards.empty()) {
    throw UsageError("merge: expected results files, found none");
  }
  const std::int64_t count = shards.front().plan.shard.count;
  std::vector<std::string> found(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string difference = first_difference(shards.front().plan, shards[i].plan);
    if (!difference.empty() || shards[i].plan.shard.count != count) {
      throw DataError("merge: expected shards of one evaluation, found a difference between " + names.front() +
                      " and " + names[i] + ": " + (difference.empty() ? "number of shards" : difference));
    }
    if (shards[i].partial) {
      throw DataError("merge: expected finished shards, found one that was interrupted: " + names[i] +
                      "; finish it with --resume");
    }
    std::string& name = found[static_cast<std::size_t>(shards[i].plan.shard.index - 1)];
    if (!name.empty()) {
      throw DataError("merge: expected each shard once, found " + std::to_string(shards[i].plan.shard.index) + "/" +
                      std::to_string(count) + " in " + name + " and " + names[i]);
    }
    name = names[i];
  }
  const auto missing = std::find(found.begin(), found.end(), std::string());
  if (missing != found.end()) {
    throw DataError("merge: expected all " + std::to_string(count) + " shards, found none for " +
                    std::to_string(missing - found.begin() + 1) + "/" + std::to_string(count));
  }
}

template <typename T>
std::size_t place_of(const std::vector<T>& all, const T& one) {
  return static_cast<std::size_t>(std::find(all.begin(), all.end(), one) - all.begin());
}

void sort_cells(EvalResult& result) {
  std::vector<std::string> rules;
  for (const RulePlan& rule : result.plan.rules) {
    rules.push_back(rule.label);
  }
  const auto key = [&](const Cell& cell) {
    return std::tuple(place_of(result.plan.settings, cell.setting), cell.stream, cell.place,
                      place_of(rules, cell.rule));
  };
  std::stable_sort(result.cells.begin(), result.cells.end(),
                   [&](const Cell& a, const Cell& b) { return key(a) < key(b); });
  std::stable_sort(result.classes.begin(), result.classes.end(), [&](const RuleClasses& a, const RuleClasses& b) {
    return place_of(rules, a.rule) < place_of(rules, b.rule);
  });
}

}  // namespace

EvalResult merge(const std::vector<EvalResult>& shards, const std::vector<std::string>& names) {
  check_shards(shards, names);
  EvalResult result;
  result.plan = shards.front().plan;
  result.plan.shard = {};
  for (const EvalResult& shard : shards) {
    result.cells.insert(result.cells.end(), shard.cells.begin(), shard.cells.end());
    result.skipped.insert(result.skipped.end(), shard.skipped.begin(), shard.skipped.end());
    for (const RuleClasses& classes : shard.classes) {
      add_classes(result.classes, classes);
    }
    add_ranked(result.examples, shard.examples, result.plan.examples);
    if (shard.seconds) {
      result.seconds = result.seconds.value_or(0) + *shard.seconds;
    }
  }
  sort_cells(result);
  sort_skipped(result);
  result.partial = false;
  return result;
}

}  // namespace ttscale::eval
