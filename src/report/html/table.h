// SPDX-License-Identifier: MIT
// Plain tables of numbers.
#pragma once

#include <string>
#include <vector>

#include "report/html/markup.h"

namespace ttscale::report::html {

/// A table with a header row, whose first column heads the rows. All rows have as many cells as the header.
Markup number_table(const std::string& label, const std::vector<Markup>& header,
                    const std::vector<std::vector<Markup>>& rows);

/// <details> with a summary.
Markup folded(const std::string& summary, const Markup& content);

}  // namespace ttscale::report::html
