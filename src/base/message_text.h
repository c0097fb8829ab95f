// SPDX-License-Identifier: MIT
// Text from outside, made fit for a message.
#pragma once

#include <string>
#include <string_view>

namespace ttscale {

/// The text on one line: control characters as \n, \t or \x1b, and "..." in place of what exceeds `most` bytes (a UTF-8
/// character is never cut).
std::string shown(std::string_view text, std::size_t most = 120);

}  // namespace ttscale
