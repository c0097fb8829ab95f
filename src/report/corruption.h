// SPDX-License-Identifier: MIT
// The mean corruption error of an evaluation on the kinds of ImageNet-C.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// A line a rule and setting: name and text, "mCE 76.70 %, relative mCE 105.00 % (AlexNet is 100)". None where kinds or
/// severities are missing or no domain is a standard corruption, for segmentation, for other than 1000 classes
/// (AlexNet's errors are those on ImageNet), for shifts made on the fly (at another size than ImageNet-C's 224 pixels),
/// and of a part (`--shard`).
std::vector<std::pair<std::string, std::string>> corruption_rows(const eval::EvalResult& result);

}  // namespace ttscale::report
