// SPDX-License-Identifier: MIT
#include "ops/cpu/matrix_kernels.h"

#include <algorithm>
#include <exception>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>

namespace ttscale::ops {

using std::int64_t;

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, float* c, int64_t ldc,
              const float* bias) {
  if (bias != nullptr) {
    for (int64_t row = 0; row < m; ++row) {
      std::copy_n(bias, n, c + row * ldc);
    }
  }
#ifdef CPUBLAS_BRGEMM_F32F32F32
  at::native::cpublas::brgemm(m, n, k, lda, n, ldc, /*add_C=*/bias != nullptr, a, b, c, /*is_vnni=*/false);
#else
  static_cast<void>(k + lda);
  static_cast<void>(a);
  static_cast<void>(b);
  TORCH_CHECK(false, "multiply: expected a LibTorch with micro-kernels for matrices, found one without");
#endif
}

at::Tensor columns_in_runs(const at::Tensor& weight, const Split& runs) {
  const at::Tensor matrix = weight.flatten(1);  // [C_out, C_in]
  std::vector<at::Tensor> blocks;
  for (int64_t run = 0; run < runs.count; ++run) {
    blocks.push_back(matrix.narrow(0, runs.begin(run), runs.length(run)).t().contiguous().flatten());
  }
  return at::cat(blocks);
}

bool has_matrix_kernels() {
#ifdef CPUBLAS_BRGEMM_F32F32F32
  static const bool found = [] {
    const float one = 1;
    float product = 0;
    try {
      multiply(1, 1, 1, &one, 1, &one, &product, 1, nullptr);
    } catch (const std::exception&) {
      return false;  // not for this CPU
    }
    return product == 1;
  }();
  return found;
#else
  return false;
#endif
}

}  // namespace ttscale::ops
