// SPDX-License-Identifier: MIT
// What the correlated protocols share: images in runs of one class.
#pragma once

#include <vector>

#include "base/option_text.h"
#include "eval/images.h"

namespace ttscale::eval {

/// Reads `delta`, the concentration of the Dirichlet distribution; 0.1 if it is not set.
double read_delta(const OptionText& text);

/// The items in the order of data::dirichlet_order() of their labels, with the seed of the images.
std::vector<Item> in_runs(const std::vector<Item>& items, const Images& images, double delta);

}  // namespace ttscale::eval
