// SPDX-License-Identifier: MIT
// Class scores become probabilities.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::stats {

/// Probabilities, float64, of class scores [N, K, ...] on any device; no host synchronisation. A row over the classes
/// that holds probabilities already (none negative, sum 1 within what half precision leaves) stays what it is, others
/// go through softmax. Where that does not exist (NaN, infinite scores): NaN.
at::Tensor probabilities(const at::Tensor& scores);

}  // namespace ttscale::stats
