// SPDX-License-Identifier: MIT
// Which classes a rule helps and which it hurts.
#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"
#include "report/html/table.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kShown = 5;           // worst and best
constexpr std::size_t kMostClasses = 1500;  // rows of the table of all

struct ClassChange {
  std::size_t index = 0;
  double source = 0;
  double adapted = 0;
  std::int64_t images = 0;

  [[nodiscard]] double points() const { return adapted - source; }
};

const eval::RuleClasses* classes_of(const Summary& summary, const std::string& rule) {
  const auto& all = summary.result().classes;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& classes) { return classes.rule == rule; });
  return found == all.end() ? nullptr : &*found;
}

double rate(const metrics::ClassCount& count) {
  return count.images > 0 ? 100 * static_cast<double>(count.correct) / static_cast<double>(count.images)
                          : eval::Scores::kNone;
}

std::string class_name(const Summary& summary, std::size_t index) {
  const auto& names = summary.plan().classes;
  return index < names.size() ? names[index] : "class " + std::to_string(index);
}

/// From the greatest loss to the greatest gain; classes without images are left out.
std::vector<ClassChange> changes_of(const eval::RuleClasses& source, const eval::RuleClasses& adapted) {
  std::vector<ClassChange> changes;
  for (std::size_t i = 0; i < std::min(source.classes.size(), adapted.classes.size()); ++i) {
    if (source.classes[i].images > 0 && adapted.classes[i].images > 0) {
      changes.push_back({i, rate(source.classes[i]), rate(adapted.classes[i]), adapted.classes[i].images});
    }
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const ClassChange& a, const ClassChange& b) { return a.points() < b.points(); });
  return changes;
}

Markup change_row(const Summary& summary, const ClassChange& change) {
  return element(
      "tr", element("th", {{"scope", "row"}}, name(class_name(summary, change.index), 32)) +
                element("td", number(change.source, 1)) + element("td", number(change.adapted, 1)) +
                element("td", {{"class", gain_class(change.points()) + " change"}}, signed_number(change.points(), 1)));
}

Markup rule_table(const Summary& summary, const std::string& rule, const std::vector<ClassChange>& changes) {
  Markup rows;
  const std::size_t ends = std::min(kShown, changes.size() / 2);
  const bool cut = changes.size() > 2 * kShown;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (cut && i == ends) {
      rows += element("tr", element("td", {{"class", "left-out"}, {"colspan", "4"}},
                                    text(count_of(changes.size() - 2 * ends, "class") +
                                         (changes.size() - 2 * ends == 1 ? "" : "es") + " between")));
    }
    if (!cut || i < ends || i >= changes.size() - ends) {
      rows += change_row(summary, changes[i]);
    }
  }
  const Markup head =
      element("th", {{"scope", "col"}}, text("class")) + element("th", {{"scope", "col"}}, text("source")) +
      element("th", {{"scope", "col"}}, text("rule")) + element("th", {{"scope", "col"}}, text("change"));
  return scroller("Classes under " + rule, element("table", {{"class", "numbers classes"}},
                                                   element("caption", name(rule)) +
                                                       element("thead", element("tr", head)) + element("tbody", rows)));
}

Markup all_classes(const Summary& summary) {
  std::vector<Markup> header{text("class"), text("images")};
  std::vector<const eval::RuleClasses*> columns;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    if (const eval::RuleClasses* classes = classes_of(summary, rule.label)) {
      header.push_back(name(rule.label));
      columns.push_back(classes);
    }
  }
  std::vector<std::vector<Markup>> rows;
  const std::size_t count = columns.empty() ? 0 : columns.front()->classes.size();
  for (std::size_t i = 0; i < std::min(count, kMostClasses); ++i) {
    std::vector<Markup> row{name(class_name(summary, i), 40), text(count_words(columns.front()->classes[i].images))};
    for (const eval::RuleClasses* classes : columns) {
      row.push_back(number(i < classes->classes.size() ? rate(classes->classes[i]) : eval::Scores::kNone, 1));
    }
    rows.push_back(std::move(row));
  }
  const std::string left_out = count > kMostClasses ? " (the first " + std::to_string(kMostClasses) + ")" : "";
  return folded("All " + count_words(static_cast<std::int64_t>(count)) + " classes" + left_out,
                number_table("All classes", header, rows));
}

}  // namespace

Markup classes_section(const Summary& summary, const Limits& limits) {
  const eval::RuleClasses* source = summary.source() ? classes_of(summary, *summary.source()) : nullptr;
  Markup tables;
  for (const std::string& rule : summary.adapting()) {
    const eval::RuleClasses* adapted = classes_of(summary, rule);
    if (source != nullptr && adapted != nullptr) {
      const std::vector<ClassChange> changes = changes_of(*source, *adapted);
      tables += changes.empty() ? Markup{} : rule_table(summary, rule, changes);
    }
  }
  const bool any = !tables.empty() || !summary.result().classes.empty();
  if (!any) {
    return {};
  }
  const std::string scope =
      summary.has_several_groups() ? " All settings and domains are pooled." : " All domains are pooled.";
  return section(
      "classes", "Classes",
      note("Right answers in % by class, from the greatest loss against source to the greatest gain." + scope) +
          element("div", {{"class", "panels"}}, tables) +
          (limits.long_tables ? all_classes(summary)
                              : note("The table of all classes was left out: the page would have become too large.")));
}

}  // namespace ttscale::report::html
