// SPDX-License-Identifier: MIT
// The result of an evaluation as one HTML page that needs nothing else: no network, no fonts, no scripts.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// What the page says beside the result.
struct HtmlOptions {
  std::string title;     ///< empty: made from model and data
  std::string command;   ///< the exact command line that repeats the evaluation; empty: not shown
  std::string versions;  ///< of the program and its libraries, "ttscale 0.1.0, LibTorch 2.11.0"; empty: not shown
  std::vector<std::pair<std::string, std::string>> extra_rows;  ///< further lines of the table of numbers: name, text
  std::size_t most_bytes = 1'000'000;  ///< what does not fit is left out, and the page says what
};

/// The page, UTF-8, the same bytes for the same result. If it would be larger than `most_bytes`, thumbnails are left
/// out from the last example on, then the long tables; what remains (some 100 kB for a hundred domains) is kept.
std::string to_html(const eval::EvalResult& result, const HtmlOptions& options = {});

}  // namespace ttscale::report
