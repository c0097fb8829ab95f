// SPDX-License-Identifier: MIT
#include "ops/post_operation.h"

#include <cmath>

namespace ttscale::ops {

PostOperation post_operation(const Activation& activation) {
  using Function = Activation::Function;
  PostOperation out;
  switch (activation.function) {
    case Function::kLeakyRelu:
      out.name = "leaky_relu";
      out.numbers.push_back(at::Scalar(activation.a));
      return out;
    case Function::kHardswish:
      out.name = "hardswish";
      return out;
    case Function::kSilu:
      out.name = "swish";
      return out;
    case Function::kClamp:
      break;
  }
  if (!activation.does_nothing() && activation.a == 0 && std::isinf(activation.b)) {
    out.name = kReluPostOperation;
  } else if (!activation.does_nothing()) {
    out.name = "hardtanh";
    out.numbers.push_back(at::Scalar(activation.a));
    out.numbers.push_back(at::Scalar(activation.b));
  }
  return out;
}

}  // namespace ttscale::ops
