// SPDX-License-Identifier: MIT
// Activations on lanes. Included by the translation unit of each instruction set.
#pragma once

#include "base/exponential.h"
#include "base/lanes.h"
#include "ops/activation.h"

namespace ttscale::ops {
namespace {

using namespace simd;

/// An activation with its numbers on all lanes.
template <typename L, typename A, Activation::Function function>
struct Activate {
  L a, b;

  TTSCALE_INLINE explicit Activate(const Activation& activation)
      : a(L::all(static_cast<A>(activation.a))), b(L::all(static_cast<A>(activation.b))) {}

  TTSCALE_INLINE L operator()(const L& x) const {
    if constexpr (function == Activation::Function::kLeakyRelu) {
      return x.leaky(a);
    } else if constexpr (function == Activation::Function::kHardswish) {
      return x * (x + L::all(3)).clamped(L::all(0), L::all(6)) / L::all(6);
    } else if constexpr (function == Activation::Function::kSilu) {
      L y;
      for (int i = 0; i < L::kParts; ++i) {
        y.part[i] = x.part[i] / (exponential<A>(-x.part[i]) + A{1});
      }
      return y;
    } else {
      return x.clamped(a, b);
    }
  }
};

}  // namespace
}  // namespace ttscale::ops
