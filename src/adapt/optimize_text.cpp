// SPDX-License-Identifier: MIT
// The texts of Optimize.
#include "ttscale/error.h"
#include "ttscale/options.h"

namespace ttscale {

Optimize parse_optimize(const std::string& text) {
  if (text == "none") {
    return Optimize::kNone;
  }
  if (text == "auto") {
    return Optimize::kAuto;
  }
  throw UsageError("optimize: expected none or auto, found " + text);
}

std::string to_string(Optimize optimize) { return optimize == Optimize::kNone ? "none" : "auto"; }

}  // namespace ttscale
