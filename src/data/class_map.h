// SPDX-License-Identifier: MIT
// Class map: a text file with one class name a line; the line number, from 0, is the index of the model's output.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ttscale::data {

/// Reads a class map, looked up as given and then below `data_root`. CRLF line ends and blank lines at the end are
/// accepted. Throws DataError for a missing file, a pickle, an empty file, and blank or repeated lines.
std::vector<std::string> read_class_map(const std::filesystem::path& file, const std::filesystem::path& data_root = {});

/// The same of the text of a file; `file` is for messages.
std::vector<std::string> parse_class_map(const std::string& text, const std::filesystem::path& file);

}  // namespace ttscale::data
