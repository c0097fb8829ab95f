// SPDX-License-Identifier: MIT
// What aten::conv2d takes beside x.
#pragma once

#include <algorithm>
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

/// Whether steps, padding and bias are such as aten::conv2d takes. It says itself what is wrong with others.
inline bool is_sound(const ConvolutionOptions& options) {
  const auto all_from = [](const std::vector<std::int64_t>& numbers, std::int64_t least) {
    return std::all_of(numbers.begin(), numbers.end(), [&](std::int64_t number) { return number >= least; });
  };
  const at::Tensor& weight = options.weight;
  const bool fits = !options.bias || (options.bias->dim() == 1 && options.bias->size(0) == weight.size(0) &&
                                      options.bias->scalar_type() == weight.scalar_type());
  return fits && weight.numel() > 0 && all_from(options.stride, 1) && all_from(options.padding, 0) &&
         all_from(options.dilation, 1);
}

/// Rows (side 0) or columns (1) of the output of sound options for those of x [N, C, H, W]; below 1 where the kernel is
/// larger than x with its padding.
inline std::int64_t output_side(const at::Tensor& x, const ConvolutionOptions& options, std::size_t side) {
  const auto dimension = static_cast<std::int64_t>(side) + 2;
  const std::int64_t reach = options.dilation[side] * (options.weight.size(dimension) - 1) + 1;
  const std::int64_t room = x.size(dimension) + 2 * options.padding[side] - reach;
  return room < 0 ? 0 : room / options.stride[side] + 1;
}

}  // namespace ttscale::ops
