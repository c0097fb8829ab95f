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

/// Without what is done for speed: for comparisons by bits with what runs the rewritten graph as it is.
inline AdaptOptions exactly(const char* rule) {
  AdaptOptions options = with(rule);
  options.optimize = Optimize::kNone;
  return options;
}

}  // namespace ttscale::testing
