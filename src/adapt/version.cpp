// SPDX-License-Identifier: MIT
// Versions of ttscale and of the LibTorch that is loaded.
#include "ttscale/version.h"

#include <ATen/Version.h>
#include <torch/version.h>

namespace ttscale {

std::string version() { return TTSCALE_VERSION; }

std::string torch_version() {
  // The library's own words count; the headers' version only where a build does not say (they agree unless a binary was
  // moved).
  const std::string config = at::show_config();
  constexpr const char* kKey = "TORCH_VERSION=";
  const auto start = config.find(kKey);
  if (start == std::string::npos) {
    return TORCH_VERSION;
  }
  const auto first = start + std::char_traits<char>::length(kKey);
  return config.substr(first, config.find_first_of(", \n", first) - first);
}

}  // namespace ttscale
