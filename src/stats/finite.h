// SPDX-License-Identifier: MIT
// Whether images hold NaN or Inf.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::stats {

/// Whether every value is finite, [] of bool on the device of the images, which is not waited for.
at::Tensor all_finite(const at::Tensor& images);

}  // namespace ttscale::stats
