// SPDX-License-Identifier: MIT
// The words of the command line, before CLI11 sees them.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace ttscale::cli {

/// The words after the program's name, numbers joined to their flag, so that CLI11 reads them without guessing. Throws
/// UsageError for an empty word, and for a list of the commands of `app` with nothing between two commas: CLI11 would
/// pass over both.
std::vector<std::string> read_arguments(int argc, const char* const* argv, const CLI::App& app);

}  // namespace ttscale::cli
