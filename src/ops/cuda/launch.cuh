// SPDX-License-Identifier: MIT
// How kernels are started. With TTSCALE_EMULATED_CUDA the tests run the very source of the kernels on the CPU, where no
// card is at hand (tests/ops/cuda/emulator.h).
#pragma once

#include <cstdint>

#ifdef TTSCALE_EMULATED_CUDA
#include "ops/cuda/emulator.h"
#else
#include <cuda_runtime.h>

namespace ttscale::ops::cuda {

/// Starts kernel(arguments...) on `grid` blocks. Returns the error of the launch.
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), std::int64_t grid, dim3 block, cudaStream_t stream,
                   Arguments... arguments) {
  if (grid > INT32_MAX) {
    return cudaErrorInvalidConfiguration;
  }
  // clang-format off
  kernel<<<static_cast<unsigned>(grid), block, 0, stream>>>(arguments...);
  // clang-format on
  return cudaGetLastError();
}

}  // namespace ttscale::ops::cuda
#endif
