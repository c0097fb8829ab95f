// SPDX-License-Identifier: MIT
// What the guards did, in words.
#include <algorithm>

#include "report/format.h"
#include "report/grid.h"
#include "report/guard_findings.h"
#include "report/html/sections.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostDecisions = 4;  // of a cell

Markup cells_of(const Summary& summary, const GuardedRule& rule, std::size_t most) {
  Markup items;
  const std::size_t shown = std::min(rule.acted.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    Markup lines;
    for (const std::string& words : guard_words(*rule.acted[i]->guard, kMostDecisions)) {
      lines += element("li", text(words));
    }
    items += element("li", name(place_of(summary.result(), *rule.acted[i]), 120) + element("ul", lines));
  }
  if (shown < rule.acted.size()) {
    items += element("li", text(more_cells(rule.acted.size() - shown) + ": see the results file"));
  }
  return items.empty() ? Markup{} : element("ul", items);
}

}  // namespace

Markup guard_section(const Summary& summary, const Limits& limits) {
  const std::size_t most = limits.long_tables ? 30 : 5;
  Markup content;
  for (const GuardedRule& rule : guarded_rules(summary.result())) {
    content += element("p", name(rule.rule) + text(": " + rule.summary() + ".")) + cells_of(summary, rule, most);
  }
  if (content.empty()) {
    return {};
  }
  return section("guard", "What the guard did",
                 note("Some images are shown to the model as it is, too, and the predictions compared without labels. "
                      "Where adapting seems to harm, it is weakened (blend), its statistics rest (hold), or the model "
                      "as it is answers (roll back). Images are counted from the beginning of each domain.") +
                     content);
}

}  // namespace ttscale::report::html
