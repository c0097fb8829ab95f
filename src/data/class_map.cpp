// SPDX-License-Identifier: MIT
// Reads class maps.
#include "data/class_map.h"

#include <system_error>
#include <unordered_map>

#include "base/message_text.h"
#include "data/text_lines.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

// Given path first, then below the data root, as timm looks it up.
std::filesystem::path locate(const std::filesystem::path& file, const std::filesystem::path& data_root) {
  std::error_code error;
  for (const auto& candidate : {file, data_root / file}) {
    if (std::filesystem::is_regular_file(candidate, error)) {
      return candidate;
    }
  }
  throw DataError("class map: expected a text file, found none at " + file.string() +
                  (data_root.empty() || file.is_absolute() ? "" : " or " + (data_root / file).string()) +
                  "; check --class-map");
}

std::vector<std::string> checked(std::vector<std::string> lines, const std::filesystem::path& path) {
  const std::string file = path.string();
  if (lines.empty()) {
    throw DataError("class map: expected one class name a line, found an empty file: " + file);
  }
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) {
      throw DataError(file + ": line " + std::to_string(i + 1) +
                      ": expected a class name, found an empty line; line numbers are class indices, so fill it in");
    }
    const auto [first, fresh] = seen.emplace(lines[i], i + 1);
    if (!fresh) {
      throw DataError(file + ": line " + std::to_string(i + 1) + ": expected each class once, found '" +
                      shown(lines[i]) + "' again (first on line " + std::to_string(first->second) + ")");
    }
  }
  return lines;
}

}  // namespace

std::vector<std::string> read_class_map(const std::filesystem::path& file, const std::filesystem::path& data_root) {
  if (file.extension() == ".pkl" || file.extension() == ".pickle") {
    throw DataError("class map: expected a text file with one class name a line, found a pickle, which can run code: " +
                    file.string() + "; write its names to a .txt file, in index order");
  }
  const std::filesystem::path found = locate(file, data_root);
  return checked(read_lines(found), found);
}

std::vector<std::string> parse_class_map(const std::string& text, const std::filesystem::path& file) {
  return checked(split_lines(text, file), file);
}

}  // namespace ttscale::data
