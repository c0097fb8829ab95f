// SPDX-License-Identifier: MIT
// The long table: every finished cell with every number.
#include <algorithm>
#include <cmath>
#include <functional>

#include "report/format.h"
#include "report/html/number.h"
#include "report/html/sections.h"
#include "report/html/table.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostRows = 1200;

/// One column of the table.
struct Column {
  const char* title;
  std::function<Markup(const eval::Cell&)> cell;
};

Markup count(std::int64_t value) { return text(count_words(value)); }

Column rate(const char* title, double eval::Scores::*member, int decimals) {
  return {title, [member, decimals](const eval::Cell& cell) { return number(cell.scores.*member, decimals); }};
}

Column change(const char* title, std::function<Markup(const eval::Change&)> show) {
  return {title, [show = std::move(show)](const eval::Cell& cell) {
            return cell.change ? show(*cell.change) : number(eval::Scores::kNone, 0);
          }};
}

std::vector<Column> quality_columns() {
  return {rate("top-1", &eval::Scores::top1, 2),
          rate("low", &eval::Scores::top1_low, 2),
          rate("high", &eval::Scores::top1_high, 2),
          rate("top-5", &eval::Scores::top5, 2),
          rate("mean class", &eval::Scores::mean_class, 2),
          rate("NLL", &eval::Scores::nll, 4),
          rate("ECE", &eval::Scores::ece, 4),
          rate("adaptive ECE", &eval::Scores::adaptive_ece, 4),
          rate("Brier", &eval::Scores::brier, 4),
          rate("confidence", &eval::Scores::confidence, 4),
          rate("mIoU", &eval::Scores::miou, 2),
          rate("pixel accuracy", &eval::Scores::pixel_accuracy, 2)};
}

std::vector<Column> change_columns() {
  return {change("broken", [](const eval::Change& c) { return count(c.broken); }),
          change("repaired", [](const eval::Change& c) { return count(c.repaired); }),
          change("changed", [](const eval::Change& c) { return count(c.changed); }),
          change("gain low", [](const eval::Change& c) { return signed_number(c.low, 2); }),
          change("gain high", [](const eval::Change& c) { return signed_number(c.high, 2); }),
          change("p", [](const eval::Change& c) {
            return std::isnan(c.p_value) ? number(c.p_value, 0) : text(p_value_words(c.p_value));
          })};
}

/// Neither nought nor a dash.
bool says_something(const Markup& value) {
  return value.html != "0" && value.html.find("class=\"none\"") == std::string::npos;
}

/// Columns in which some cell has something to say.
std::vector<Column> columns_of(const Summary& summary) {
  std::vector<Column> columns{{"rule", [](const eval::Cell& cell) { return name(cell.rule, 40); }}};
  if (summary.plan().settings.size() > 1) {
    columns.push_back({"protocol", [](const eval::Cell& cell) { return name(cell.setting.protocol, 40); }});
    columns.push_back({"batch size", [](const eval::Cell& cell) { return count(cell.setting.batch_size); }});
    columns.push_back({"seed", [](const eval::Cell& cell) { return text(std::to_string(cell.setting.seed)); }});
  }
  columns.push_back({"images", [](const eval::Cell& cell) { return count(cell.scores.images); }});
  std::vector<Column> optional = quality_columns();
  for (Column& column : change_columns()) {
    optional.push_back(std::move(column));
  }
  optional.push_back({"non-finite", [](const eval::Cell& cell) { return count(cell.scores.non_finite); }});
  optional.push_back({"skipped", [](const eval::Cell& cell) { return count(cell.skipped); }});
  optional.push_back({"rejected batches", [](const eval::Cell& cell) { return count(cell.rejected); }});
  optional.push_back(
      {"seconds", [](const eval::Cell& cell) { return number(cell.seconds.value_or(eval::Scores::kNone), 2); }});
  const auto& cells = summary.result().cells;
  for (Column& column : optional) {
    const bool said = std::any_of(cells.begin(), cells.end(),
                                  [&](const eval::Cell& cell) { return says_something(column.cell(cell)); });
    if (said) {
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

Markup cell_table(const Summary& summary) {
  const auto& cells = summary.result().cells;
  const std::vector<Column> columns = columns_of(summary);
  std::vector<Markup> header{text("domain")};
  for (const Column& column : columns) {
    header.push_back(text(column.title));
  }
  std::vector<std::vector<Markup>> rows;
  for (std::size_t i = 0; i < std::min(cells.size(), kMostRows); ++i) {
    std::vector<Markup> row{name(cells[i].domain, 40)};
    for (const Column& column : columns) {
      row.push_back(column.cell(cells[i]));
    }
    rows.push_back(std::move(row));
  }
  const std::string shown = cells.size() > kMostRows
                                ? "The first " + count_words(kMostRows) + " of " +
                                      count_words(static_cast<std::int64_t>(cells.size())) + " results"
                                : "All " + count_words(static_cast<std::int64_t>(cells.size())) + " results";
  return folded(shown, number_table("Every result", header, rows));
}

Markup extra_table(const HtmlOptions& options) {
  Markup rows;
  for (const auto& [title, words] : options.extra_rows) {
    rows += element("tr", element("th", {{"scope", "row"}}, name(title)) + element("td", text(words)));
  }
  return rows.empty()
             ? Markup{}
             : scroller("Further numbers", element("table", {{"class", "numbers extra"}}, element("tbody", rows)));
}

/// What the columns mean.
const char* columns_note(eval::Task task) {
  return task == eval::Task::kClassification
             ? "Rates are in %, calibration errors 0 to 1, Brier 0 to 2. low and high: 95 % interval of top-1 "
               "(Wilson). Against source on the same images: broken and repaired count images that only source "
               "or only the rule has right, changed those with another class; gain low and high: 95 % interval "
               "in points (paired bootstrap); p: McNemar\u2019s exact test."
             : "Rates are in %, over all pixels of a domain together; mean class: mean over the classes of the share "
               "of "
               "their pixels that is right. Against source on the same images: broken and repaired count pixels that "
               "only source or only the rule has right, changed those with another class; gain low and high: 95 % "
               "interval of the gain in mIoU in points (paired bootstrap over images).";
}

}  // namespace

Markup numbers_section(const Summary& summary, const HtmlOptions& options, const Limits& limits) {
  const Markup extra = extra_table(options);
  if (summary.result().cells.empty()) {
    return extra.empty() ? extra : section("numbers", "Numbers", extra);
  }
  const Markup table = limits.long_tables
                           ? cell_table(summary)
                           : note("The table of all results was left out: the page would have become too large.");
  return section("numbers", "Numbers", note(columns_note(summary.plan().task)) + extra + table + note(kDashNote));
}

}  // namespace ttscale::report::html
