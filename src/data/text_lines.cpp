// SPDX-License-Identifier: MIT
// Reads text files line by line.
#include "data/text_lines.h"

#include <fstream>
#include <sstream>

#include "ttscale/error.h"

namespace ttscale::data {
namespace {

std::string trimmed(const std::string& line) {
  constexpr const char* kBlank = " \t\r";
  const auto first = line.find_first_not_of(kBlank);
  return first == std::string::npos ? std::string() : line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::vector<std::string> read_lines(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream || !std::filesystem::is_regular_file(file)) {
    throw DataError("cannot read " + file.string() + "; expected a text file, check path and permissions");
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return split_lines(text.str(), file);
}

std::vector<std::string> split_lines(const std::string& text, const std::filesystem::path& file) {
  std::istringstream stream(text);
  constexpr const char* kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.find('\0') != std::string::npos) {
      throw DataError(file.string() + ": expected a text file, found binary data on line " +
                      std::to_string(lines.size() + 1));
    }
    lines.push_back(trimmed(lines.empty() && line.rfind(kByteOrderMark, 0) == 0 ? line.substr(3) : line));
  }
  while (!lines.empty() && lines.back().empty()) {
    lines.pop_back();
  }
  return lines;
}

}  // namespace ttscale::data
