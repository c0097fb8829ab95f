// SPDX-License-Identifier: MIT
// Numbers and words laid out for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ttscale::report {

/// The number with so many decimals and no sign on a zero.
std::string fixed(double value, int decimals);

/// "+12.34", "-0.10", "0.00".
std::string points(double value);

/// Characters of UTF-8 text.
std::size_t display_width(const std::string& text);

/// The text with spaces before or after it up to a width.
std::string pad_left(const std::string& text, std::size_t width);
std::string pad_right(const std::string& text, std::size_t width);

/// The text without spaces at its end.
std::string trim_right(const std::string& text);

/// A text that is too wide, with "..." in its middle.
std::string shorten(const std::string& text, std::size_t width);

/// A rule's label in lines, broken behind ':' and ',' so that each is narrower than `width` where it can be.
std::vector<std::string> wrap_label(const std::string& label, std::size_t width);

/// A sentence broken at spaces, further lines indented by two, with a newline at the end.
std::string wrap_sentence(const std::string& sentence, std::size_t width);

/// "a", "a and b", "a, b and c".
std::string list_of(const std::vector<std::string>& words);

/// "1 image", "2 images".
std::string count_of(std::size_t count, const std::string& noun);

}  // namespace ttscale::report
