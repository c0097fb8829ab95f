// SPDX-License-Identifier: MIT
// Checks and dispatch of ttscale::affine.
#include "ops/affine.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/layout.h"

namespace ttscale::ops {
namespace {

void check_coefficient(const char* name, const at::Tensor& t, const at::Tensor& x) {
  const bool per_channel = t.dim() == 1 && t.size(0) == x.size(1);
  const bool per_image = t.dim() == 2 && t.size(0) == x.size(0) && t.size(1) == x.size(1);
  TORCH_CHECK(t.scalar_type() == at::kDouble && (per_channel || per_image), "ttscale::affine: expected ", name,
              " [C] or [N, C] of float64 for x ", x.sizes(), ", found ", t.sizes(), " of ", t.scalar_type());
  TORCH_CHECK(t.device() == x.device(), "ttscale::affine: expected ", name, " on ", x.device(), ", found ", t.device());
}

}  // namespace

void check_affine(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift) {
  check_activation("ttscale::affine", x);
  check_coefficient("center", center, x);
  check_coefficient("scale", scale, x);
  check_coefficient("shift", shift, x);
  TORCH_CHECK(center.sizes() == scale.sizes() && center.sizes() == shift.sizes(),
              "ttscale::affine: expected center, scale and shift of one shape, found ", center.sizes(), ", ",
              scale.sizes(), ", ", shift.sizes());
}

at::Tensor affine(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("ttscale::affine", "").typed<decltype(affine)>();
  return op.call(x, center, scale, shift);
}

at::Tensor affine_meta(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale,
                       const at::Tensor& shift) {
  check_affine(x, center, scale, shift);
  return at::empty_like(dense(x));
}

}  // namespace ttscale::ops
