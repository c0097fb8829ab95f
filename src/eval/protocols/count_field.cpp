// SPDX-License-Identifier: MIT
// Whole numbers among the fields, which are real ones.
#include "eval/protocols/count_field.h"

#include <cmath>

#include "ttscale/error.h"

namespace ttscale::eval {

std::int64_t read_count(const OptionText& text, const char* field, std::int64_t usual) {
  auto count = static_cast<double>(usual);
  FieldReader reader(text);
  reader(field, count, {1, 1e9});
  reader.finish();
  if (count != std::floor(count)) {
    throw UsageError(text.name + ": " + field + " must be a whole number, found " + number_text(count));
  }
  return static_cast<std::int64_t>(count);
}

}  // namespace ttscale::eval
