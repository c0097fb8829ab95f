// SPDX-License-Identifier: MIT
// The order of the domains under the protocol `gradual`, for the protocol and for those who draw it.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/images.h"

namespace ttscale::eval {

/// Indices of the domains in the order in which they are met: those without a severity first, once; of each kind the
/// severities up to the highest and down again, so that all but the highest come twice.
std::vector<std::int64_t> gradual_sequence(const std::vector<EvalDomain>& domains);

}  // namespace ttscale::eval
