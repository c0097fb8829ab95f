// SPDX-License-Identifier: MIT
// Activations that can follow a normalisation in the same pass over the data. No header of LibTorch: the loops of every
// instruction set include it.
#pragma once

namespace ttscale::ops {

/// A function of one number; by default it is none.
struct Activation {
  /// kClamp is every activation that only has bounds: ReLU (0, Inf), ReLU6 (0, 6), hardtanh. kLeakyRelu has the slope
  /// `a` where x <= 0 (Maas, Hannun, Ng 2013), kHardswish is x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019), kSilu
  /// x / (1 + exp(-x)) (Elfwing, Uchibe, Doya 2018). NaN stays NaN.
  enum class Function { kClamp, kLeakyRelu, kHardswish, kSilu };
  Function function = Function::kClamp;
  double a = -__builtin_inf(), b = __builtin_inf();

  [[nodiscard]] bool does_nothing() const {
    return function == Function::kClamp && a == -__builtin_inf() && b == __builtin_inf();
  }
};

}  // namespace ttscale::ops
