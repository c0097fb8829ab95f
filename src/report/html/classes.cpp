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

  [[nodiscard]] double points() const { return adapted - source; }
};

/// A class under one rule: right answers of all, or IoU of the union.
struct ClassRate {
  double percent = eval::Scores::kNone;
  std::int64_t of = 0;  ///< images with the label; pixels labelled or predicted so
};

using ClassRates = std::vector<ClassRate>;

/// By label; empty if there is nothing about the rule.
ClassRates rates_of(const Summary& summary, const std::string& rule) {
  const auto& all = summary.result().classes;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& classes) { return classes.rule == rule; });
  ClassRates rates;
  if (found == all.end()) {
    return rates;
  }
  for (const metrics::ClassCount& count : found->classes) {
    const bool any = count.images > 0;
    rates.push_back(
        {any ? 100 * static_cast<double>(count.correct) / static_cast<double>(count.images) : eval::Scores::kNone,
         count.images});
  }
  for (const metrics::ClassArea& area : found->areas) {
    rates.push_back({100 * metrics::iou(area), area.union_area});
  }
  return rates;
}

std::string class_name(const Summary& summary, std::size_t index) {
  const auto& names = summary.plan().classes;
  return index < names.size() ? names[index] : "class " + std::to_string(index);
}

/// From the greatest loss to the greatest gain; classes that do not occur are left out.
std::vector<ClassChange> changes_of(const ClassRates& source, const ClassRates& adapted) {
  std::vector<ClassChange> changes;
  for (std::size_t i = 0; i < std::min(source.size(), adapted.size()); ++i) {
    if (source[i].of > 0 && adapted[i].of > 0) {
      changes.push_back({i, source[i].percent, adapted[i].percent});
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
  const bool images = summary.plan().task == eval::Task::kClassification;
  std::vector<Markup> header{text("class")};
  if (images) {
    header.push_back(text("images"));
  }
  std::vector<ClassRates> columns;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    ClassRates rates = rates_of(summary, rule.label);
    if (!rates.empty()) {
      header.push_back(name(rule.label));
      columns.push_back(std::move(rates));
    }
  }
  std::vector<std::vector<Markup>> rows;
  const std::size_t count = columns.empty() ? 0 : columns.front().size();
  for (std::size_t i = 0; i < std::min(count, kMostClasses); ++i) {
    std::vector<Markup> row{name(class_name(summary, i), 40)};
    if (images) {
      row.push_back(text(count_words(columns.front()[i].of)));
    }
    for (const ClassRates& rates : columns) {
      row.push_back(number(i < rates.size() ? rates[i].percent : eval::Scores::kNone, 1));
    }
    rows.push_back(std::move(row));
  }
  const std::string left_out = count > kMostClasses ? " (the first " + std::to_string(kMostClasses) + ")" : "";
  return folded("All " + count_words(static_cast<std::int64_t>(count)) + " classes" + left_out,
                number_table("All classes", header, rows));
}

}  // namespace

Markup classes_section(const Summary& summary, const Limits& limits) {
  if (summary.result().classes.empty()) {
    return {};
  }
  const ClassRates source = summary.source() ? rates_of(summary, *summary.source()) : ClassRates();
  Markup tables;
  for (const std::string& rule : summary.adapting()) {
    const std::vector<ClassChange> changes = changes_of(source, rates_of(summary, rule));
    tables += changes.empty() ? Markup{} : rule_table(summary, rule, changes);
  }
  const std::string what =
      summary.plan().task == eval::Task::kClassification ? "Right answers in % by class" : "IoU in % by class";
  const std::string scope =
      summary.has_several_groups() ? " All settings and domains are pooled." : " All domains are pooled.";
  return section(
      "classes", "Classes",
      note(what + ", from the greatest loss against source to the greatest gain." + scope) +
          element("div", {{"class", "panels"}}, tables) +
          (limits.long_tables ? all_classes(summary)
                              : note("The table of all classes was left out: the page would have become too large.")));
}

}  // namespace ttscale::report::html
