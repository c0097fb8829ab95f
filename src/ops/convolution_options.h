// SPDX-License-Identifier: MIT
// What aten::conv2d takes beside x.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

namespace ttscale::ops {

struct ConvolutionOptions {
  at::Tensor weight;  ///< [C_out, C_in / groups, H, W]
  c10::optional<at::Tensor> bias;
  std::vector<std::int64_t> stride, padding, dilation;
  std::int64_t groups = 1;
};

/// Rows (side 0) or columns (1) of the output for those of x [N, C, H, W]; below 1 where the kernel is larger than x
/// with its padding.
inline std::int64_t output_side(const at::Tensor& x, const ConvolutionOptions& options, std::size_t side) {
  const auto dimension = static_cast<std::int64_t>(side) + 2;
  const std::int64_t reach = options.dilation[side] * (options.weight.size(dimension) - 1) + 1;
  const std::int64_t room = x.size(dimension) + 2 * options.padding[side] - reach;
  return room < 0 ? 0 : room / options.stride[side] + 1;
}

}  // namespace ttscale::ops
