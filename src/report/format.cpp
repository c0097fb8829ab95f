// SPDX-License-Identifier: MIT
// Padding, wrapping, numbers.
#include "report/format.h"

#include <algorithm>
#include <sstream>

#include "report/csv.h"

namespace ttscale::report {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Position of the character with that index.
std::size_t position_of(const std::string& text, std::size_t character) {
  std::size_t position = 0;
  for (; position < text.size(); ++position) {
    if (!continues_character(text[position]) && character-- == 0) {
      break;
    }
  }
  return position;
}

}  // namespace

std::string fixed(double value, int decimals) {
  const std::string text = csv_number(value, decimals);
  const bool zero = text.find_first_not_of("-0.") == std::string::npos;
  return zero && !text.empty() && text.front() == '-' ? text.substr(1) : text;
}

std::string points(double value) {
  const std::string text = fixed(value, 2);
  return (value > 0 && text != "0.00" ? "+" : "") + text;
}

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues_character(byte); }));
}

std::string pad_left(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, display_width(text)), ' ') + text;
}

std::string pad_right(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, display_width(text)), ' ');
}

std::string trim_right(const std::string& text) { return text.substr(0, text.find_last_not_of(' ') + 1); }

std::string shorten(const std::string& text, std::size_t width) {
  const std::size_t length = display_width(text);
  if (length <= width || width < 5) {
    return text;
  }
  const std::size_t tail = (width - 3) / 2;
  return text.substr(0, position_of(text, width - 3 - tail)) + "..." + text.substr(position_of(text, length - tail));
}

std::vector<std::string> wrap_label(const std::string& label, std::size_t width) {
  std::vector<std::string> lines{""};
  std::size_t start = 0;
  while (start < label.size()) {
    const std::size_t separator = label.find_first_of(":,", start);
    const std::size_t end = separator == std::string::npos ? label.size() : separator + 1;
    const std::string word = label.substr(start, end - start);
    if (!lines.back().empty() && display_width(lines.back() + word) >= width) {
      lines.emplace_back();
    }
    lines.back() += word;
    start = end;
  }
  return lines;
}

std::string wrap_sentence(const std::string& sentence, std::size_t width) {
  std::istringstream words(sentence);
  std::string text;
  std::string line;
  for (std::string word; words >> word;) {
    const bool indented = line == "  ";
    if (!line.empty() && !indented && display_width(line) + 1 + display_width(word) > width) {
      text += line + '\n';
      line = "  " + word;
    } else {
      line += (line.empty() || indented ? "" : " ") + word;
    }
  }
  return text + line + '\n';
}

std::string count_of(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return text;
}

}  // namespace ttscale::report
