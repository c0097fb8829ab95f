// SPDX-License-Identifier: MIT
// Lays out the table; the words below it are those of findings.h.
#include "report/table.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "report/findings.h"
#include "report/format.h"
#include "report/grid.h"

namespace ttscale::report {
namespace {

constexpr std::size_t kGap = 2;               ///< spaces between columns
constexpr std::size_t kMostDomainWidth = 36;  ///< longer names are cut in the middle
constexpr std::size_t kLeastHeaderWidth = 8;

using Column = std::vector<std::string>;

/// Whether a value is the best of its row, as far as two decimals tell; in a row of one or of equals none is.
bool is_best(double value, const std::vector<double>& row) {
  const auto differs = [](double a, double b) { return fixed(a, 2) != fixed(b, 2); };
  const bool beaten =
      std::any_of(row.begin(), row.end(), [&](double other) { return other > value && differs(other, value); });
  const bool beats =
      std::any_of(row.begin(), row.end(), [&](double other) { return other < value && differs(other, value); });
  return beats && !beaten;
}

/// `marked`: the column has a place for the marks of GridRow.
std::string cell_text(const GridRow& row, std::size_t rule, std::optional<std::size_t> source, bool marked) {
  const double value = row.values[rule];
  const std::string mark = marked ? row.marks.substr(rule, 1) : std::string();
  if (std::isnan(value)) {
    return "- " + std::string(mark.size(), ' ');
  }
  std::string text = fixed(value, 2);
  if (source && *source != rule) {
    text += " " + pad_left(points(value - row.values[*source]), 6);
  }
  return text + mark + (is_best(value, row.values) ? "*" : " ");
}

std::size_t widest(const Column& column) {
  std::size_t width = 0;
  for (const std::string& text : column) {
    width = std::max(width, display_width(text));
  }
  return width;
}

/// One rule: its cells, and its label broken into lines no wider than they are.
struct RuleColumn {
  Column cells;
  Column header;
  std::size_t width = 0;
};

RuleColumn rule_column(const std::vector<GridRow>& rows, std::size_t rule, const std::string& label,
                       std::optional<std::size_t> source) {
  RuleColumn column;
  const bool marked = std::any_of(rows.begin(), rows.end(), [&](const GridRow& row) { return row.marks[rule] != ' '; });
  for (const GridRow& row : rows) {
    column.cells.push_back(cell_text(row, rule, source, marked));
  }
  column.width = std::max(widest(column.cells), kLeastHeaderWidth);
  column.header = wrap_label(label, column.width);
  column.width = std::max(column.width, widest(column.header) + 1);  // the star's place
  return column;
}

/// Lines of a block of rules that fit side by side, behind the names of the rows.
std::string block(const Column& names, const std::vector<RuleColumn>& columns, bool has_mean) {
  const std::size_t name_width = widest(names);
  std::size_t header_lines = 1;
  std::size_t total = name_width;
  for (const RuleColumn& column : columns) {
    header_lines = std::max(header_lines, column.header.size());
    total += kGap + column.width;
  }
  std::string text;
  for (std::size_t line = 0; line < header_lines; ++line) {
    std::string row = pad_right(line + 1 == header_lines ? "domain" : "", name_width);
    for (const RuleColumn& column : columns) {
      const std::size_t first = header_lines - column.header.size();
      row += std::string(kGap, ' ') + pad_left(line < first ? "" : column.header[line - first] + " ", column.width);
    }
    text += trim_right(row) + '\n';
  }
  const std::string ruler = std::string(total, '-') + '\n';
  text += ruler;
  for (std::size_t i = 0; i < columns.front().cells.size(); ++i) {
    std::string row = pad_right(names[i + 1], name_width);
    for (const RuleColumn& column : columns) {
      row += std::string(kGap, ' ') + pad_left(column.cells[i], column.width);
    }
    text += (has_mean && i + 1 == columns.front().cells.size() ? ruler : "") + trim_right(row) + '\n';
  }
  return text;
}

std::string blocks(const Column& names, const std::vector<RuleColumn>& columns, std::size_t width, bool has_mean) {
  std::string text;
  std::vector<RuleColumn> fitting;
  std::size_t used = widest(names);
  for (const RuleColumn& column : columns) {
    if (!fitting.empty() && used + kGap + column.width > width) {
      text += block(names, fitting, has_mean) + '\n';
      fitting.clear();
      used = widest(names);
    }
    fitting.push_back(column);
    used += kGap + column.width;
  }
  return text + block(names, fitting, has_mean);
}

std::string grid_text(const Grid& grid, const eval::EvalPlan& plan, std::optional<std::size_t> source,
                      std::size_t width) {
  std::vector<GridRow> rows = grid.rows;
  const bool has_mean = rows.size() > 1 && !is_part(plan);
  if (has_mean) {
    rows.push_back(grid.mean);
  }
  Column names{"domain"};
  for (const GridRow& row : rows) {
    names.push_back(shorten(row.name, kMostDomainWidth));
  }
  std::vector<RuleColumn> columns;
  for (std::size_t i = 0; i < plan.rules.size(); ++i) {
    columns.push_back(rule_column(rows, i, plan.rules[i].label, source));
  }
  return blocks(names, columns, width, has_mean);
}

bool has_marks(const std::vector<Grid>& grids) {
  return std::any_of(grids.begin(), grids.end(), [](const Grid& grid) {
    return std::any_of(grid.rows.begin(), grid.rows.end(),
                       [](const GridRow& row) { return row.marks.find_first_not_of(' ') != std::string::npos; });
  });
}

std::string legend(const std::string& rate, const eval::EvalPlan& plan, std::optional<std::size_t> source, bool marks,
                   std::size_t width) {
  const std::size_t rules = plan.rules.size();
  std::string text = rate + " in %";
  if (source && rules > 1) {
    text += ", then points gained or lost against source";
  }
  text += rules > 1 ? "; * best of a row" : "";
  if (marks) {
    text += "; ! worse than source, ~ within chance (95 % interval)";
  }
  return wrap_sentence(text, width) + '\n';
}

std::string rate_text(const std::string& rate, const std::vector<Grid>& grids, const eval::EvalPlan& plan,
                      std::optional<std::size_t> source, std::size_t width) {
  std::string text = legend(rate, plan, source, has_marks(grids), width);
  for (const Grid& grid : grids) {
    text += wrap_sentence(setting_text(plan, grid.group), width) + grid_text(grid, plan, source, width) + '\n';
  }
  return text;
}

}  // namespace

std::string to_table(const eval::EvalResult& result, const TableOptions& options) {
  const auto source = source_index(result.plan);
  const auto width = static_cast<std::size_t>(std::max<std::int64_t>(options.width, 1));
  if (result.plan.rules.empty() || result.plan.domains.empty()) {
    return "no results\n";
  }
  std::string text = rate_text(eval::headline_name(result.plan.task), grids_of(result), result.plan, source, width);
  if (result.plan.task == eval::Task::kSegmentation) {
    text += rate_text("pixel acc", grids_of(result, &eval::Scores::pixel_accuracy), result.plan, source, width);
  }
  return text + findings(result, width);
}

}  // namespace ttscale::report
