// SPDX-License-Identifier: MIT
// The order of all images of an evaluation as a text file, to be replayed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/images.h"
#include "eval/protocol.h"

namespace ttscale::eval {

/// The first line: the columns, separated by tabs.
constexpr const char* kOrderHeader = "stream\tpart\tname\tdomain\tpath";

/// A line in its parts.
struct OrderLine {
  std::string stream, part, name;
  std::string key;  ///< as order_key()
};

/// Domain, tab, path relative to the data folder.
std::string order_key(const Images& images, const Item& item);

/// Splits a line. Throws DataError naming file and line number.
OrderLine parse_order_line(const std::string& line, const std::filesystem::path& file, std::size_t number);

/// Writes the header and a line an image, whole or not at all. Throws DataError for a name with a tab or a line break,
/// Error if the file cannot be written.
void export_order(const std::vector<StreamPlan>& streams, const Images& images, const std::filesystem::path& file);

}  // namespace ttscale::eval
