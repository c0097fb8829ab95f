// SPDX-License-Identifier: MIT
#include "ops/cpu/matrix_kernels.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>

#include "base/isa.h"

namespace ttscale::ops {

using std::int64_t;

namespace {

/// Rows of A that are multiplied at once. LibTorch keeps kernels for good, one for each number of rows and of columns:
/// there are only so many, whatever the sizes of images.
constexpr int64_t kMostRowsAtOnce = 256;
/// Elements of a panel: half of a small second-level cache (512 KiB), beside the pixels.
constexpr int64_t kPanel = 65536;
/// Columns of a panel: whole registers of AVX-512.
constexpr int64_t kFewestColumns = 32;
constexpr int64_t kMostColumns = 256;

/// Columns of a panel of B [k, n]; the last one has what is left.
int64_t panel_columns(int64_t k) { return std::clamp(kPanel / k / 32 * 32, kFewestColumns, kMostColumns); }

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, float* c, int64_t ldc,
              const float* bias) {
  for (int64_t row = 0; bias != nullptr && row < m; ++row) {
    std::copy_n(bias, n, c + row * ldc);
  }
#ifdef CPUBLAS_BRGEMM_F32F32F32
  const Split runs(m, kMostRowsAtOnce);
  const int64_t width = panel_columns(k);
  for (int64_t run = 0; run < runs.count; ++run) {
    const float* rows = a + runs.begin(run) * lda;
    for (int64_t column = 0; column < n; column += width) {
      const int64_t columns = std::min(width, n - column);
      at::native::cpublas::brgemm(runs.length(run), columns, k, lda, columns, ldc, /*add_C=*/bias != nullptr, rows,
                                  b + column * k, c + runs.begin(run) * ldc + column, /*is_vnni=*/false);
    }
  }
#else
  static_cast<void>(k + lda);
  static_cast<void>(a);
  static_cast<void>(b);
  TORCH_CHECK(false, "multiply: expected a LibTorch with micro-kernels for matrices, found one without");
#endif
}

at::Tensor in_panels(const at::Tensor& weight, const Split& runs) {
  const at::Tensor matrix = weight.flatten(1);  // [C_out, C_in]
  const int64_t width = panel_columns(matrix.size(1));
  std::vector<at::Tensor> panels;
  for (int64_t run = 0; run < runs.count; ++run) {
    for (int64_t column = 0; column < runs.length(run); column += width) {
      const at::Tensor columns = matrix.narrow(0, runs.begin(run) + column, std::min(width, runs.length(run) - column));
      panels.push_back(columns.t().contiguous().flatten());
    }
  }
  return at::cat(panels);
}

#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(TTSCALE_X86_KERNELS)
namespace {

/// Whether oneDNN uses AVX2 and FMA here: what it is told by the environment counts as well.
bool onednn_has_avx2() {
  const char* most = std::getenv("ONEDNN_MAX_CPU_ISA");
  most = most != nullptr ? most : std::getenv("DNNL_MAX_CPU_ISA");
  std::string name = most != nullptr ? most : "";
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return available_isas().back() != Isa::kBaseline && __builtin_cpu_supports("fma") && name != "sse41" && name != "avx";
}

}  // namespace
#endif

bool has_matrix_kernels() {
#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(TTSCALE_X86_KERNELS)
  // Without them LibTorch would multiply by BLAS, one small matrix at a time.
  static const bool supported = onednn_has_avx2();
  return supported && at::globalContext().userEnabledMkldnn();
#else
  return false;
#endif
}

}  // namespace ttscale::ops
