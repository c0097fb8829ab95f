// SPDX-License-Identifier: MIT
// Options that differ from the defaults by their rule.
#pragma once

#include "ttscale/options.h"

namespace ttscale::testing {

inline AdaptOptions with(const char* rule) {
  AdaptOptions options;
  options.rule = parse_rule(rule);
  return options;
}

}  // namespace ttscale::testing
