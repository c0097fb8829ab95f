// SPDX-License-Identifier: MIT
// Fields and rows of CSV as RFC 4180 has them.
#pragma once

#include <string>
#include <vector>

namespace ttscale::report {

/// The field, in quotes if it holds a comma, quote or line break, or begins or ends with a space.
std::string csv_field(const std::string& text);

/// Fields joined by commas, with a newline (LF) at the end.
std::string csv_row(const std::vector<std::string>& fields);

/// The number with so many decimals; empty for NaN.
std::string csv_number(double value, int decimals);

}  // namespace ttscale::report
