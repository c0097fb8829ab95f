// SPDX-License-Identifier: MIT
// The operator ttscale::observe: adds the moments of a batch to a sum that calibration reads. It changes nothing that
// flows through the graph.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// Qualified name of the operator in graphs.
inline constexpr const char* kObserveOperator = "ttscale::observe";

/// Rows of the sums of one site with C channels, [4, C], float64, empty before the first image: images whose moments
/// are finite; mean over images of their means; sum over images of their variances; sum of squared deviations of their
/// means from the mean of means.
inline constexpr std::int64_t kObservedRows = 4;

/// Merges the moments of the images x [N, C, ...] into `sums` by Chan's formula in float64 (Chan, Golub, LeVeque 1979).
/// Every image counts the same whatever its size, so that the sums do not depend on how images are batched. Images
/// with NaN or Inf in a channel do not count there. Returns x itself. A tensor in mkldnn layout is read as dense.
/// Throws c10::Error for shapes, dtypes or devices that do not fit.
at::Tensor observe(const at::Tensor& x, at::Tensor& sums);

}  // namespace ttscale::ops
