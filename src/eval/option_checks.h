// SPDX-License-Identifier: MIT
// Checks that the options of several kinds of runs have in common. All throw UsageError that begins with the field.
#pragma once

#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ttscale/error.h"

namespace ttscale::eval {

void check_at_least(const std::string& field, std::int64_t value, std::int64_t least);

/// At least one rule, each readable and only once.
void check_rules(const std::vector<std::string>& rules);

/// At least one value, each only once.
template <typename T>
void check_each_once(const std::string& field, const std::vector<T>& values) {
  if (values.empty()) {
    throw UsageError(field + ": expected at least one, found none");
  }
  std::set<T> seen;
  for (const T& value : values) {
    if (!seen.insert(value).second) {
      std::ostringstream text;
      text << field << ": expected each once, found " << value << " twice; remove one";
      throw UsageError(text.str());
    }
  }
}

}  // namespace ttscale::eval
