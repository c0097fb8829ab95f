// SPDX-License-Identifier: MIT
// From a tensor's dtype to its loops, and from its shape to the work of the threads.
#pragma once

#include <algorithm>

#include <ATen/core/Tensor.h>

#include "ops/cpu/loops.h"

namespace ttscale::ops {

/// Elements worth a thread: a few microseconds of work. LibTorch uses the same for its element-wise kernels.
constexpr std::int64_t kGrain = 32768;

/// Units of `elements` elements each that one thread takes at least.
inline std::int64_t grain(std::int64_t elements) { return std::max<std::int64_t>(1, kGrain / elements); }

/// Runs of nearly equal length that cover `size`, none longer than `most`.
struct Split {
  std::int64_t size, count;
  Split(std::int64_t total, std::int64_t most) : size(total), count((total + most - 1) / most) {}
  [[nodiscard]] std::int64_t begin(std::int64_t i) const { return size / count * i + std::min(i, size % count); }
  [[nodiscard]] std::int64_t length(std::int64_t i) const { return begin(i + 1) - begin(i); }
};

/// The loops for a dtype that check_activation() takes.
inline const Loops& element_loops(at::ScalarType type, Isa isa) {
  const LoopTable& table = loop_table(isa);
  switch (type) {
    case at::kDouble:
      return table.of_double;
    case at::kBFloat16:
      return table.of_bfloat16;
    case at::kHalf:
      return table.of_half;
    default:
      return table.of_float;
  }
}

inline const char* input_element(const at::Tensor& x, std::int64_t index) {
  return static_cast<const char*>(x.data_ptr()) + index * static_cast<std::int64_t>(x.element_size());
}

}  // namespace ttscale::ops
