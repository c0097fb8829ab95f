// SPDX-License-Identifier: MIT
// Products of small matrices by oneDNN's micro-kernels, which LibTorch hands out in 2.x.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "ops/cpu/element_loops.h"

namespace ttscale::ops {

/// Whether this LibTorch has them, this CPU has AVX2, for which they are made, and oneDNN may be used
/// (at::Context::userEnabledMkldnn()).
bool has_matrix_kernels();

/// C = A B + bias for row-major float32: A [m, k] with `lda` elements from row to row, B [k, n] as in_panels() lays it
/// out, C [m, n] with `ldc`; bias [n] or null. One thread. A thread's first product of a shape makes a kernel for it
/// (50 to 150 us). Throws c10::Error where LibTorch has none.
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda, const float* b,
              float* c, std::int64_t ldc, const float* bias);

/// The weight [C_out, C_in, 1, 1] of a 1x1 convolution as matrices B for multiply(), one for each run of output
/// channels, one after the other. A matrix is cut into panels of neighbouring columns, each dense: in rows as long as
/// the whole matrix the values of a column would lie some KiB apart, and share a few sets of the cache.
at::Tensor in_panels(const at::Tensor& weight, const Split& runs);

}  // namespace ttscale::ops
