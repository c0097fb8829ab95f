// SPDX-License-Identifier: MIT
// Check and dispatch of ttscale::moments.
#include "ops/moments.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/layout.h"

namespace ttscale::ops {

void check_moments(const at::Tensor& x) {
  check_activation("ttscale::moments", x);
  TORCH_CHECK(x.numel() > 0, "ttscale::moments: expected at least one image, channel and pixel, found shape ",
              x.sizes());
}

std::tuple<at::Tensor, at::Tensor> moments(const at::Tensor& x) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("ttscale::moments", "").typed<decltype(moments)>();
  return op.call(x);
}

std::tuple<at::Tensor, at::Tensor> moments_meta(const at::Tensor& x) {
  check_moments(x);
  const at::Tensor mean =
      at::empty({x.size(0), x.size(1)}, x.options().dtype(at::kDouble).memory_format(at::MemoryFormat::Contiguous));
  return {mean, at::empty_like(mean)};
}

}  // namespace ttscale::ops
