// SPDX-License-Identifier: MIT
// Domains by rules as tables: one table with a row a domain, or, for kinds at several severities, a table a rule with a
// row a kind and a column a severity.
#include <algorithm>
#include <map>
#include <set>

#include "eval/domain_name.h"
#include "report/findings.h"
#include "report/html/heat_cell.h"
#include "report/html/number.h"
#include "report/html/rule_style.h"
#include "report/html/sections.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostTips = 600;  // a tip is some 150 bytes
constexpr double kLeastFilled = 0.6;    // a grid that is emptier is harder to read than a list

Markup column_head(const Markup& content, const char* style = "rule") {
  return element("th", {{"scope", "col"}, {"class", style}}, content);
}

Markup row_head(const Markup& content) { return element("th", {{"scope", "row"}}, content); }

/// Kinds by severities.
struct Grid {
  std::vector<std::string> kinds;  ///< in the order of the domains
  std::set<std::int64_t> severities;
  std::map<std::pair<std::string, std::int64_t>, std::string> domains;
  std::vector<std::string> others;  ///< domains without a severity

  [[nodiscard]] bool worth_it() const {
    const auto places = static_cast<double>(kinds.size() * severities.size());
    return severities.size() > 1 && static_cast<double>(domains.size()) >= kLeastFilled * places;
  }
};

Grid grid_of(const Group& group) {
  Grid grid;
  for (const std::string& domain : group.domains) {
    const eval::DomainName name = eval::parse_domain_name(domain);
    if (!name.severity) {
      grid.others.push_back(domain);
      continue;
    }
    if (std::find(grid.kinds.begin(), grid.kinds.end(), name.path) == grid.kinds.end()) {
      grid.kinds.push_back(name.path);
    }
    grid.severities.insert(*name.severity);
    grid.domains[{name.path, *name.severity}] = domain;
  }
  return grid;
}

bool has_tips(const Summary& summary) { return summary.result().cells.size() <= kMostTips; }

Markup mean_row(const Summary& summary, const Group& group) {
  Markup row = row_head(text("mean"));
  for (const eval::RulePlan& rule : summary.plan().rules) {
    const eval::RuleMean* mean = summary.mean(group, rule.label);
    row += mean_cell(mean == nullptr ? eval::Scores::kNone : eval::headline(mean->scores, summary.plan().task),
                     summary.mean_gain(group, rule.label));
  }
  return element("tfoot", element("tr", row));
}

/// A row a domain, a column a rule.
Markup list_table(const Summary& summary, const Group& group, const std::vector<std::string>& domains, bool with_mean) {
  Markup head = column_head(text("domain"), "domain");
  for (const eval::RulePlan& rule : summary.plan().rules) {
    head += column_head(name(rule.label));
  }
  Markup rows;
  for (const std::string& domain : domains) {
    Markup row = row_head(name(domain, 48));
    for (const eval::RulePlan& rule : summary.plan().rules) {
      row += heat_cell(summary, group, domain, rule.label, has_tips(summary));
    }
    rows += element("tr", row);
  }
  return scroller("Heat map, " + Summary::name(group),
                  element("table", {{"class", "heat"}},
                          element("thead", element("tr", head)) + element("tbody", rows) +
                              (with_mean ? mean_row(summary, group) : Markup{})));
}

Markup kind_row(const Summary& summary, const Group& group, const Grid& grid, const std::string& kind,
                const std::string& rule) {
  Markup row = row_head(name(kind, 40));
  for (const std::int64_t severity : grid.severities) {
    const auto domain = grid.domains.find({kind, severity});
    row += domain == grid.domains.end() ? blank_cell()
                                        : heat_cell(summary, group, domain->second, rule, has_tips(summary));
  }
  return element("tr", row);
}

Markup kinds_table(const Summary& summary, const Group& group, const Grid& grid, const std::string& rule) {
  Markup head = column_head(text("severity"), "domain");
  for (const std::int64_t severity : grid.severities) {
    head += column_head(text(std::to_string(severity)), "severity");
  }
  Markup rows;
  for (const std::string& kind : grid.kinds) {
    rows += kind_row(summary, group, grid, kind, rule);
  }
  Markup caption = name(rule);
  if (const eval::RuleMean* mean = summary.mean(group, rule)) {
    caption += text(": mean " + number_words(eval::headline(mean->scores, summary.plan().task), 2) + " %");
  }
  const Gain gain = summary.mean_gain(group, rule);
  if (gain.points == gain.points) {
    caption += text(", " + signed_words(gain.points, 2) + " points");
  }
  return scroller(
      "Heat map of " + rule + ", " + Summary::name(group),
      element("table", {{"class", "heat grid-map"}},
              element("caption", caption) + element("thead", element("tr", head)) + element("tbody", rows)));
}

Markup map_of(const Summary& summary, const Group& group) {
  const Grid grid = grid_of(group);
  if (!grid.worth_it()) {
    return list_table(summary, group, group.domains, group.domains.size() > 1 && !is_part(summary.plan()));
  }
  Markup tables;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    tables += kinds_table(summary, group, grid, rule.label);
  }
  return (grid.others.empty() ? Markup{} : list_table(summary, group, grid.others, false)) +
         element("div", {{"class", "panels"}}, tables);
}

/// Settings by rules: the means.
Markup overview(const Summary& summary) {
  Markup head = column_head(text("protocol, batch size"), "domain");
  for (const eval::RulePlan& rule : summary.plan().rules) {
    head += column_head(name(rule.label));
  }
  Markup rows;
  for (const Group& group : summary.groups()) {
    Markup row = row_head(text(Summary::name(group)));
    for (const eval::RulePlan& rule : summary.plan().rules) {
      const eval::RuleMean* mean = summary.mean(group, rule.label);
      row += mean_cell(mean == nullptr ? eval::Scores::kNone : eval::headline(mean->scores, summary.plan().task),
                       summary.mean_gain(group, rule.label));
    }
    rows += element("tr", row);
  }
  return element("p", {{"class", "caption"}}, text("Mean over domains in each setting.")) +
         scroller("Means by setting", element("table", {{"class", "heat"}},
                                              element("thead", element("tr", head)) + element("tbody", rows)));
}

std::string explanation(const Summary& summary) {
  std::string words = "Large: " + summary.metric() + " in %. ";
  if (summary.source() && !summary.adapting().empty()) {
    words +=
        "Small and colour: points gained (+, blue) or lost (\u2212, orange) against source on the same images; in "
        "brackets where the 95 % interval of the gain includes zero. ";
  }
  return words;
}

}  // namespace

Markup heat_map_section(const Summary& summary) {
  if (summary.groups().empty()) {
    return {};
  }
  const bool gains = summary.source() && !summary.adapting().empty();
  const bool means = summary.has_several_groups() && !is_part(summary.plan());
  return section("heat-map", "Domains and rules",
                 note(explanation(summary)) + (gains ? gain_legend() : Markup{}) +
                     (means ? overview(summary) : Markup{}) +
                     for_each_group(summary, [&](const Group& group) { return map_of(summary, group); }));
}

}  // namespace ttscale::report::html
