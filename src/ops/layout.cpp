// SPDX-License-Identifier: MIT
// Layout and dtype checks shared by the operators.
#include "ops/layout.h"

#include <ATen/ATen.h>

namespace ttscale::ops {

at::Tensor dense(const at::Tensor& x) {
  const auto format = x.suggest_memory_format();
  return x.is_contiguous() || x.is_contiguous(format) ? x : x.contiguous(format);
}

at::Tensor unchanged(const at::Tensor& x) { return x.requires_grad() && !x.is_mkldnn() ? at::alias(x) : x; }

void check_activation(const char* op, const at::Tensor& x) {
  TORCH_CHECK(x.layout() == c10::kStrided, op, ": expected a strided tensor, found layout ", x.layout(),
              "; convert the model to dense tensors (mkldnn and sparse layouts are not supported)");
  TORCH_CHECK(x.dim() >= 2, op, ": expected activations [N, C, ...], found shape ", x.sizes());
  const auto type = x.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || type == at::kHalf || type == at::kBFloat16, op,
              ": expected float32, float64, float16 or bfloat16, found ", type,
              "; quantized and integer activations are not supported");
}

}  // namespace ttscale::ops
