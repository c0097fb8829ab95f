// SPDX-License-Identifier: MIT
// What a BatchNorm gives on the data that its running statistics are of.
#pragma once

#include <optional>

#include "graph/sites.h"
#include "stats/moments.h"

namespace ttscale::graph {

/// Mean and variance [C] of the output of an adaptable BatchNorm whose input has the running mean and variance v: bias
/// and weight^2 v / (v + eps); float64, on the CPU. Nothing for other sites, or where eps is not known.
std::optional<stats::Moments> stored_moments(const FoundSite& found);

}  // namespace ttscale::graph
