// SPDX-License-Identifier: MIT
// What the two forms of the squared Hellinger distance share: stats::hellinger() on tensors, and the loops of auto.
#pragma once

namespace ttscale::stats {

/// Added to the sum of two variances. Keeps 0/0 of two constant channels at "equal variances"; far below any variance
/// that a float32 activation can have.
inline constexpr double kHellingerFloor = 1e-30;

}  // namespace ttscale::stats
