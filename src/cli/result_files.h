// SPDX-License-Identifier: MIT
// Where results go: the terminal's width, the format of a file, the page.
#pragma once

#include <filesystem>
#include <string>

#include "eval/result.h"
#include "report/results.h"
#include "report/table.h"

namespace ttscale::cli {

/// The format that was named, or else that of the file's name.
report::ResultsFormat results_format(const std::filesystem::path& file, const std::string& name);

/// As wide as the terminal; a file or pipe takes more than its 80 columns.
report::TableOptions table_options();

/// Writes the HTML page, whole or not at all.
void write_page(const eval::EvalResult& result, const std::filesystem::path& file, const std::string& command);

}  // namespace ttscale::cli
