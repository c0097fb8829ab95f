// SPDX-License-Identifier: MIT
// Orders of folder names.
#pragma once

#include <string>
#include <vector>

#include "data/image_tree.h"

namespace ttscale::data {

/// Whether `a` comes before `b` when runs of digits count as numbers and letters without case; ties in plain string
/// order.
bool natural_less(const std::string& a, const std::string& b);

/// Sorts names. Throws DataError for kNumeric if a name is not a whole number.
void sort_names(std::vector<std::string>& names, ClassOrder order);

}  // namespace ttscale::data
