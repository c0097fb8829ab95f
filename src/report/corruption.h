// SPDX-License-Identifier: MIT
// The mean corruption error of an evaluation on the kinds of ImageNet-C.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// A line a rule and setting: name and text, "mCE 76.70 %, relative mCE 105.00 % (AlexNet is 100)". None where kinds or
/// severities are missing, for segmentation, and where no domain is a standard corruption.
std::vector<std::pair<std::string, std::string>> corruption_rows(const eval::EvalResult& result);

}  // namespace ttscale::report
