// SPDX-License-Identifier: MIT
// What the .cu files offer to the rest: kernels by raw pointers, so that nvcc sees none of LibTorch's headers.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

namespace ttscale::ops::cuda {

enum class Element { kFloat, kDouble, kHalf, kBFloat16 };

/// Dense activations: N C L (rows of pixels) or N L C (channels_last).
struct Activations {
  const void* data;
  Element element;
  bool channels_last;
  std::int64_t images, channels, pixels;
};

/// Doubles of scratch memory that moments() needs; a function of shape, layout, type and alignment.
std::size_t moments_scratch(const Activations& x);

/// Mean and biased variance [N, C] of x. Asynchronous; the same bits for the same x at every call: sums have a fixed
/// order, and no two threads write to one place. Returns the error of the launches.
cudaError_t moments(const Activations& x, double* mean, double* var, double* scratch, cudaStream_t stream);

/// Coefficients of every channel, [C], or of every image and channel, [N, C].
struct Coefficients {
  const double* center;
  const double* scale;
  const double* shift;
  bool per_image;
};

/// y = (x - center) * scale + shift into y, of x's type and layout. Asynchronous. Returns the error of the launch.
cudaError_t affine(const Activations& x, const Coefficients& k, void* y, cudaStream_t stream);

}  // namespace ttscale::ops::cuda
