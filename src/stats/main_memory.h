// SPDX-License-Identifier: MIT
// Where loops may take the place of operators.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::stats {

/// Whether loops can read and write the tensor as an array of double.
inline bool lies_in_memory(const at::Tensor& t) {
  return t.is_cpu() && t.scalar_type() == at::kDouble && t.is_contiguous();
}

}  // namespace ttscale::stats
