// SPDX-License-Identifier: MIT
// Results as a table for GitHub, GitLab and other readers of Markdown.
#pragma once

#include <string>

#include "eval/result.h"

namespace ttscale::report {

/// Domains by rules in GitHub Flavored Markdown, a table a protocol and batch size: top-1 or mIoU in %, in brackets the
/// points against source, the best of a row in bold, a mean below. Seeds are averaged. Text of users is escaped. A
/// number that does not exist is a dash; a note says what is missing from a partial result.
std::string to_markdown(const eval::EvalResult& result);

}  // namespace ttscale::report
