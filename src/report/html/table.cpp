// SPDX-License-Identifier: MIT
// Rows and headers.
#include "report/html/table.h"

#include "report/html/sections.h"

namespace ttscale::report::html {

Markup number_table(const std::string& label, const std::vector<Markup>& header,
                    const std::vector<std::vector<Markup>>& rows) {
  Markup head;
  for (const Markup& cell : header) {
    head += element("th", {{"scope", "col"}}, cell);
  }
  Markup body;
  for (const auto& row : rows) {
    Markup cells;
    for (const Markup& cell : row) {
      cells += cells.empty() ? element("th", {{"scope", "row"}}, cell) : element("td", cell);
    }
    body += element("tr", cells);
  }
  return scroller(
      label, element("table", {{"class", "numbers"}}, element("thead", element("tr", head)) + element("tbody", body)));
}

Markup folded(const std::string& summary, const Markup& content) {
  return element("details", element("summary", text(summary)) + content);
}

}  // namespace ttscale::report::html
