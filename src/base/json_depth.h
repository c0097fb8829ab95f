// SPDX-License-Identifier: MIT
// How deep JSON is nested, before a parser sees it.
#pragma once

#include <cstddef>
#include <string_view>

namespace ttscale {

/// Far more than any file of ours needs. nlohmann-json copies, compares and writes values by recursion: deeper ones
/// could exhaust the stack.
constexpr std::size_t kMaxJsonDepth = 64;

/// The greatest number of brackets and braces that are open at once; those inside texts do not count.
std::size_t json_depth(std::string_view json);

}  // namespace ttscale
