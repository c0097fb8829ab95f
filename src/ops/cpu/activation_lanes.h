// SPDX-License-Identifier: MIT
// Activations on lanes. Included by the translation unit of each instruction set.
#pragma once

#include "ops/cpu/lanes.h"

namespace ttscale::ops {
namespace {

/// How exp() of a number type is made: 2^n times a polynomial in r, |r| <= ln(2) / 2, x = n ln(2) + r.
template <typename A>
struct Exponential;
template <>
struct Exponential<float> {
  static constexpr int kDegree = 7;                                          // the first term left out is below 2^-27
  static constexpr float kLn2High = 0x1.63p-1F, kLn2Low = -0x1.bd0106p-13F;  // n * kLn2High is exact
  static constexpr float kLowest = -87, kHighest = 88;
  static constexpr int kMantissa = 23, kBias = 127;
};
template <>
struct Exponential<double> {
  static constexpr int kDegree = 13;  // the first term left out is below 2^-57
  static constexpr double kLn2High = 0x1.62e42fefap-1, kLn2Low = 0x1.cf79abc9e3b39p-40;
  static constexpr double kLowest = -708, kHighest = 709;
  static constexpr int kMantissa = 52, kBias = 1023;
};

/// exp(x) to a few units in the last place; NaN stays NaN. Where it leaves the normal numbers it is Inf, and not below
/// the smallest of them.
template <typename A, typename Vector, typename Mask>
TTSCALE_INLINE Vector exponential(const Vector& x) {
  using E = Exponential<A>;
  constexpr A kLog2E = static_cast<A>(1.44269504088896340736);
  const Vector low = Vector{} + E::kLowest;
  const Vector high = Vector{} + E::kHighest;
  const Vector raised = x < low ? low : x;
  const Vector cut = raised > high ? high : raised;
  const Vector number = cut == cut ? cut : Vector{};  // an integer of NaN is anything
  const Vector scaled = number * kLog2E;
  const Vector nearest = scaled + (scaled < 0 ? Vector{} - A{0.5} : Vector{} + A{0.5});
  const Mask n = __builtin_convertvector(nearest, Mask);
  const Vector whole = __builtin_convertvector(n, Vector);
  const Vector r = (cut - whole * E::kLn2High) - whole * E::kLn2Low;
  // 1 + r (1 + r/2 (1 + r/3 (...)))
  Vector sum = Vector{} + A{1};
  for (int i = E::kDegree; i > 0; --i) {
    sum = sum * (r / static_cast<A>(i)) + A{1};
  }
  const Vector power = sum * bit_cast<Vector>((n + E::kBias) << E::kMantissa);
  return x > high ? Vector{} + static_cast<A>(__builtin_inf()) : power;
}

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
      using Vector = typename L::R::Vector;
      L y;
      for (int i = 0; i < L::kParts; ++i) {
        y.part[i] = x.part[i] / (exponential<A, Vector, typename L::R::Mask>(-x.part[i]) + A{1});
      }
      return y;
    } else {
      return x.clamped(a, b);
    }
  }
};

}  // namespace
}  // namespace ttscale::ops
