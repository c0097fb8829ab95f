// SPDX-License-Identifier: MIT
#include "ops/epilogue.h"

#include <ATen/ATen.h>

#include "ops/affine.h"
#include "ops/cpu/affine_kernel.h"
#include "ops/layout.h"

namespace ttscale::ops {
namespace {

using Function = Activation::Function;

at::Tensor activated(const at::Tensor& x, const Activation& activation) {
  switch (activation.function) {
    case Function::kLeakyRelu:
      return at::leaky_relu(x, activation.a);
    case Function::kHardswish:
      return at::hardswish(x);
    case Function::kSilu:
      return at::silu(x);
    case Function::kClamp:
      break;
  }
  return activation.does_nothing() ? x : at::clamp(x, activation.a, activation.b);
}

/// Whether the kernel can add it element by element as it lies.
bool fits(const at::Tensor& residual, const at::Tensor& x) {
  return residual.layout() == at::kStrided && residual.sizes() == x.sizes() &&
         residual.scalar_type() == x.scalar_type() && residual.device() == x.device();
}

}  // namespace

Activation parse_activation(const std::string& name, double a, double b) {
  for (const Function function : {Function::kClamp, Function::kLeakyRelu, Function::kHardswish, Function::kSilu}) {
    if (name == to_string(function)) {
      return {function, a, b};
    }
  }
  TORCH_CHECK(false, "expected activation clamp, leaky_relu, hardswish or silu, found ", name);
}

std::string to_string(Function function) {
  switch (function) {
    case Function::kLeakyRelu:
      return "leaky_relu";
    case Function::kHardswish:
      return "hardswish";
    case Function::kSilu:
      return "silu";
    case Function::kClamp:
      break;
  }
  return "clamp";
}

at::Tensor epilogue_in_tensors(const at::Tensor& x, const Epilogue& epilogue) {
  if (!epilogue.residual.defined()) {
    return activated(x, epilogue.activation);
  }
  const at::Tensor sum = at::add(x, epilogue.residual);
  return activated(epilogue.keeps_dtype ? sum.to(x.scalar_type()) : sum, epilogue.activation);
}

at::Tensor affine_then(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue) {
  const bool adds = epilogue.residual.defined();
  if (!x.is_cpu() || x.is_meta() || (adds && !fits(epilogue.residual, x))) {
    return epilogue_in_tensors(affine(x, k.center, k.scale, k.shift), epilogue);
  }
  return affine_then_on(available_isas().back(), x, k, epilogue);
}

}  // namespace ttscale::ops
