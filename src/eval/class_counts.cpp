// SPDX-License-Identifier: MIT
// Sums and unions.
#include "eval/class_counts.h"

#include <algorithm>
#include <tuple>

namespace ttscale::eval {

void add_classes(std::vector<RuleClasses>& sums, const RuleClasses& more) {
  const auto found =
      std::find_if(sums.begin(), sums.end(), [&](const RuleClasses& sum) { return sum.rule == more.rule; });
  if (found == sums.end()) {
    sums.push_back(more);
    return;
  }
  found->classes.resize(std::max(found->classes.size(), more.classes.size()));
  for (std::size_t i = 0; i < more.classes.size(); ++i) {
    found->classes[i].images += more.classes[i].images;
    found->classes[i].correct += more.classes[i].correct;
  }
  found->areas.resize(std::max(found->areas.size(), more.areas.size()));
  for (std::size_t i = 0; i < more.areas.size(); ++i) {
    found->areas[i].intersection += more.areas[i].intersection;
    found->areas[i].union_area += more.areas[i].union_area;
  }
}

void sort_skipped(EvalResult& result) {
  const auto place = [&](const SkippedFile& file) {
    const auto& domains = result.plan.domains;
    return std::find_if(domains.begin(), domains.end(), [&](const DomainPlan& d) { return d.name == file.domain; }) -
           domains.begin();
  };
  const auto key = [&](const SkippedFile& file) { return std::tuple(place(file), file.path); };
  std::sort(result.skipped.begin(), result.skipped.end(),
            [&](const SkippedFile& a, const SkippedFile& b) { return key(a) < key(b); });
  const auto end = std::unique(result.skipped.begin(), result.skipped.end(),
                               [&](const SkippedFile& a, const SkippedFile& b) { return key(a) == key(b); });
  result.skipped.erase(end, result.skipped.end());
}

}  // namespace ttscale::eval
