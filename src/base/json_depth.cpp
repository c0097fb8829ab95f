// SPDX-License-Identifier: MIT
// Counts brackets outside of texts.
#include "base/json_depth.h"

#include <algorithm>

namespace ttscale {

std::size_t json_depth(std::string_view json) {
  std::size_t open = 0;
  std::size_t most = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      i += c == '\\' ? 1 : 0;
      in_text = c != '"';
    } else if (c == '[' || c == '{') {
      most = std::max(most, ++open);
    } else if (c == ']' || c == '}') {
      open -= open > 0 ? 1 : 0;
    } else {
      in_text = c == '"';
    }
  }
  return most;
}

}  // namespace ttscale
