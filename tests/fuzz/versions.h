// SPDX-License-Identifier: MIT
// Files of the corpus name no versions, or each release would make them useless.
#pragma once

#include <string>
#include <string_view>

#include "ttscale/version.h"

namespace ttscale::fuzz {

constexpr const char* kOurVersion = "@TTSCALE@";
constexpr const char* kTorchVersion = "@TORCH@";

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// The text with the versions of this build in place of their names.
inline std::string with_versions(std::string_view text) {
  return replaced(replaced(std::string(text), kOurVersion, version()), kTorchVersion, torch_version());
}

/// The other way.
inline std::string without_versions(const std::string& text) {
  const auto quoted = [](const std::string& version) { return "\"" + version + "\""; };
  return replaced(replaced(text, quoted(version()), quoted(kOurVersion)), quoted(torch_version()),
                  quoted(kTorchVersion));
}

}  // namespace ttscale::fuzz
