// SPDX-License-Identifier: MIT
// Lines of a text file, whatever system wrote it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ttscale::data {

/// The lines of a file without their ends (LF or CRLF), a byte order mark and blank lines at the end of the file; white
/// space around a line is dropped. Throws DataError if it cannot be read or is no text.
std::vector<std::string> read_lines(const std::filesystem::path& file);

/// The same of the text of a file; `file` is for messages.
std::vector<std::string> split_lines(const std::string& text, const std::filesystem::path& file);

}  // namespace ttscale::data
