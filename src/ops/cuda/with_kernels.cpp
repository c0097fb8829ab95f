// SPDX-License-Identifier: MIT
// CUDA by our own kernels: layout, memory and stream for moments.cu and affine.cu.
#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "ops/affine.h"
#include "ops/cuda/kernels.h"
#include "ops/layout.h"
#include "ops/moments.h"

namespace ttscale::ops {
namespace {

cuda::Element element_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return cuda::Element::kDouble;
    case at::kHalf:
      return cuda::Element::kHalf;
    case at::kBFloat16:
      return cuda::Element::kBFloat16;
    default:
      return cuda::Element::kFloat;
  }
}

/// Of dense x with at least one element.
cuda::Activations activations_of(const at::Tensor& x) {
  return {x.data_ptr(), element_of(x.scalar_type()),        !x.is_contiguous(), x.size(0),
          x.size(1),    x.numel() / (x.size(0) * x.size(1))};
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> moments_cuda(const at::Tensor& input) {
  check_moments(input);
  const c10::DeviceGuard guard(input.device());
  const at::Tensor x = dense(input);
  const cuda::Activations activations = activations_of(x);
  const auto options = x.options().dtype(at::kDouble).memory_format(at::MemoryFormat::Contiguous);
  at::Tensor mean = at::empty({x.size(0), x.size(1)}, options);
  at::Tensor var = at::empty_like(mean);
  at::Tensor scratch = at::empty({static_cast<std::int64_t>(cuda::moments_scratch(activations))}, options);
  C10_CUDA_CHECK(cuda::moments(activations, mean.data_ptr<double>(), var.data_ptr<double>(), scratch.data_ptr<double>(),
                               c10::cuda::getCurrentCUDAStream(x.device().index())));
  return {mean, var};
}

at::Tensor affine_cuda(const at::Tensor& input, const at::Tensor& center, const at::Tensor& scale,
                       const at::Tensor& shift) {
  check_affine(input, center, scale, shift);
  const c10::DeviceGuard guard(input.device());
  const at::Tensor x = dense(input);
  at::Tensor y = at::empty_like(x);
  if (x.numel() == 0) {
    return y;
  }
  const at::Tensor c = center.contiguous();
  const at::Tensor s = scale.contiguous();
  const at::Tensor t = shift.contiguous();
  const cuda::Coefficients coefficients{c.data_ptr<double>(), s.data_ptr<double>(), t.data_ptr<double>(), c.dim() == 2};
  C10_CUDA_CHECK(
      cuda::affine(activations_of(x), coefficients, y.data_ptr(), c10::cuda::getCurrentCUDAStream(x.device().index())));
  return y;
}

}  // namespace ttscale::ops
