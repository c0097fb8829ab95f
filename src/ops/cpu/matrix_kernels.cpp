// SPDX-License-Identifier: MIT
#include "ops/cpu/matrix_kernels.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>

#include "base/isa.h"

namespace ttscale::ops {

using std::int64_t;

/// Rows of A that are multiplied at once. LibTorch keeps kernels for good, one for each number of rows: there are only
/// so many, whatever the sizes of images.
constexpr int64_t kMostRowsAtOnce = 256;

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, float* c, int64_t ldc,
              const float* bias) {
  for (int64_t row = 0; bias != nullptr && row < m; ++row) {
    std::copy_n(bias, n, c + row * ldc);
  }
#ifdef CPUBLAS_BRGEMM_F32F32F32
  const Split runs(m, kMostRowsAtOnce);
  for (int64_t run = 0; run < runs.count; ++run) {
    at::native::cpublas::brgemm(runs.length(run), n, k, lda, n, ldc, /*add_C=*/bias != nullptr,
                                a + runs.begin(run) * lda, b, c + runs.begin(run) * ldc, /*is_vnni=*/false);
  }
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
#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(TTSCALE_X86_KERNELS)
  // Without them LibTorch would multiply by BLAS, one small matrix at a time.
  return available_isas().back() != Isa::kBaseline && at::globalContext().userEnabledMkldnn();
#else
  return false;
#endif
}

}  // namespace ttscale::ops
