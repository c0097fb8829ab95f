// SPDX-License-Identifier: MIT
// Rows of pipes.
#include "report/markdown.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/advice.h"
#include "report/findings.h"
#include "report/format.h"
#include "report/grid.h"
#include "report/guard_findings.h"
#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report {
namespace {

using html::Gain;
using html::Group;
using html::Summary;

/// One line in which nothing is markup: what Markdown or HTML would read has a backslash or is a reference.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char character : html::clean_utf8(text)) {
    if (character == '\n' || character == '\t') {
      out += ' ';
    } else if (character == '<') {
      out += "&lt;";
    } else if (character == '&') {
      out += "&amp;";
    } else {
      out += std::string("\\`*_[]|~#!").find(character) == std::string::npos ? "" : "\\";
      out += character;
    }
  }
  return out;
}

struct Cell {
  double value = eval::Scores::kNone;
  Gain gain;
};

using Row = std::vector<Cell>;

std::string shown(const Cell& cell) { return std::isfinite(cell.value) ? fixed(cell.value, 2) : "-"; }

/// Whether the cell is the best of its row, and not every cell is.
bool is_best(const Cell& cell, const Row& row) {
  std::vector<double> values;
  for (const Cell& other : row) {
    if (std::isfinite(other.value)) {
      values.push_back(std::stod(fixed(other.value, 2)));  // as a reader compares them
    }
  }
  if (values.size() < 2 || !std::isfinite(cell.value)) {
    return false;
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *least != *most && std::stod(fixed(cell.value, 2)) == *most;
}

std::string cell_text(const Cell& cell, const Row& row) {
  std::string text = shown(cell);
  if (is_best(cell, row)) {
    text = "**" + text + "**";
  }
  const std::string chance = cell.gain.unclear() ? ", within chance" : "";
  return std::isfinite(cell.gain.points) ? text + " (" + points(cell.gain.points) + chance + ")" : text;
}

std::string row_text(const std::string& name, const Row& row) {
  std::string text = "| " + name + " |";
  for (const Cell& cell : row) {
    text += " " + cell_text(cell, row) + " |";
  }
  return text + '\n';
}

Row domain_row(const Summary& summary, const Group& group, const std::string& domain) {
  Row row;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    const html::Entry entry = summary.entry(group, domain, rule.label);
    row.push_back({entry.value, entry.gain});
  }
  return row;
}

Row mean_row(const Summary& summary, const Group& group) {
  Row row;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    const eval::RuleMean* mean = summary.mean(group, rule.label);
    row.push_back({mean == nullptr ? eval::Scores::kNone : eval::headline(mean->scores, summary.plan().task),
                   summary.mean_gain(group, rule.label)});
  }
  return row;
}

std::string table_of(const Summary& summary, const Group& group) {
  std::string head = "| domain |";
  std::string line = "| --- |";
  for (const eval::RulePlan& rule : summary.plan().rules) {
    head += " " + escaped(rule.label) + " |";
    line += " ---: |";
  }
  std::string text = head + '\n' + line + '\n';
  for (const std::string& domain : group.domains) {
    text += row_text(escaped(domain), domain_row(summary, group, domain));
  }
  const bool has_mean = group.domains.size() > 1 && !is_part(summary.plan());
  return has_mean ? text + row_text("mean", mean_row(summary, group)) : text;
}

std::string legend(const Summary& summary) {
  std::string text = summary.metric() + " in %";
  if (summary.source() && !summary.adapting().empty()) {
    text += "; in brackets points against " + escaped(*summary.source()) +
            ", within chance where their 95 % interval includes zero";
  }
  return text + (summary.plan().rules.size() > 1 ? "; bold: best of a row" : "") + ".\n";
}

std::string guards(const eval::EvalResult& result) {
  constexpr std::size_t kMostCells = 30;     // of a rule
  constexpr std::size_t kMostDecisions = 4;  // of a cell
  std::string text;
  for (const GuardedRule& rule : guarded_rules(result)) {
    text += "- " + escaped(rule.rule + ": " + rule.summary()) + ".\n";
    const std::size_t shown = std::min(rule.acted.size(), kMostCells);
    for (std::size_t i = 0; i < shown; ++i) {
      text += "  - " + escaped(place_of(result, *rule.acted[i])) + "\n";
      for (const std::string& words : guard_words(*rule.acted[i]->guard, kMostDecisions)) {
        text += "    - " + escaped(words) + "\n";
      }
    }
    text += shown < rule.acted.size() ? "  - " + more_cells(rule.acted.size() - shown) + "\n" : "";
  }
  return text.empty() ? text : "\n**What the guard did**\n\n" + text;
}

std::string notes(const eval::EvalResult& result) {
  std::string text;
  if (result.partial) {
    text += "\nPartial: not everything was finished; a dash is not a result.\n";
  }
  if (!result.skipped.empty()) {
    text += "\n" + count_of(result.skipped.size(), "image") + " could not be read and " +
            (result.skipped.size() == 1 ? "was" : "were") + " left out.\n";
  }
  return text;
}

}  // namespace

std::string to_markdown(const eval::EvalResult& result) {
  const Summary summary(result);
  if (summary.groups().empty()) {
    return "No results.\n" + notes(result);
  }
  std::string text;
  for (const Group& group : summary.groups()) {
    text += "**" + escaped(setting_text(result.plan, {group.protocol, group.batch_size, 0})) + "**\n\n" +
            table_of(summary, group) + '\n';
  }
  if (is_part(result.plan)) {
    text += "This is " + part_note(result.plan) + ".\n\n";
  }
  const Advice advice = advise(summary);
  if (!advice.empty()) {
    text += "**" + escaped(advice.what) + ".** " + escaped(advice.evidence) + "\n\n";
  }
  return text + legend(summary) + guards(result) + notes(result);
}

}  // namespace ttscale::report
