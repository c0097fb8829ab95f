// SPDX-License-Identifier: MIT
// What a killed process leaves of write_file().
#pragma once

#include <filesystem>

namespace ttscale::cli {

/// Removes temporary files of write_file() below a folder whose process is no more. Those of running processes, and all
/// other files, stay. A folder that is not there has none.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace ttscale::cli
