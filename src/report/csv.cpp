// SPDX-License-Identifier: MIT
// Quoting and joining.
#include "report/csv.h"

#include <array>
#include <charconv>
#include <cmath>

namespace ttscale::report {

std::string csv_field(const std::string& text) {
  const bool spaced = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (!spaced && text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char character : text) {
    quoted += character == '"' ? std::string("\"\"") : std::string(1, character);
  }
  return quoted + '"';
}

std::string csv_row(const std::vector<std::string>& fields) {
  std::string row;
  for (const std::string& field : fields) {
    row += (&field == &fields.front() ? "" : ",") + csv_field(field);
  }
  return row + '\n';
}

std::string csv_number(double value, int decimals) {
  if (std::isnan(value)) {
    return {};
  }
  std::array<char, 512> buffer{};  // to_chars and not printf: a locale may turn the point into a comma
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, decimals);
  return {buffer.data(), end.ptr};
}

}  // namespace ttscale::report
