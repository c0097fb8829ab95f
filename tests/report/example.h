// SPDX-License-Identifier: MIT
// A result as an evaluation of two domains under three rules would give it, and a folder to write into.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eval/result.h"
#include "folder_test.h"

namespace ttscale::report {

/// Domains and rules with their top-1, 2000 images each.
eval::EvalResult make_result(const std::vector<std::string>& domains, const std::vector<std::string>& rules,
                             const std::vector<std::vector<double>>& top1);

/// gaussian_noise/5 and clean under source, batch and prior:count=16.
eval::EvalResult example();

using testing::read_file;

using testing::FolderTest;

}  // namespace ttscale::report
