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

/// The lines after the header. Throws DataError, naming file and line number, if the header is missing or a line has
/// other columns.
std::vector<OrderLine> read_order(const std::filesystem::path& file);

/// The same of the text of a file; `file` is for messages.
std::vector<OrderLine> parse_order(const std::string& text, const std::filesystem::path& file);

/// The streams that the lines describe, of any images of the tree; where only so many of each domain are asked for, the
/// first that a stream meets. Throws DataError, naming file and line number, for an image that is not there.
std::vector<StreamPlan> replay(const std::vector<OrderLine>& lines, const Images& images,
                               const std::filesystem::path& file);

/// Writes the header and a line an image, whole or not at all. Throws DataError for a name with a tab or a line break,
/// Error if the file cannot be written.
void export_order(const std::vector<StreamPlan>& streams, const Images& images, const std::filesystem::path& file);

}  // namespace ttscale::eval
