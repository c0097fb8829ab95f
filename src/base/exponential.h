// SPDX-License-Identifier: MIT
// exp and log on lanes, the same bits on every instruction set. Included by the translation unit of each.
#pragma once

#include "base/lanes.h"

namespace ttscale::simd {
namespace {

/// How exp() of a number type is made: 2^n times a polynomial in r, |r| <= ln(2) / 2, x = n ln(2) + r.
template <typename A>
struct Exponential;
template <>
struct Exponential<float> {
  static constexpr int kDegree = 7;                                          // the first term left out is below 2^-27
  static constexpr float kLn2High = 0x1.63p-1F, kLn2Low = -0x1.bd0106p-13F;  // n * kLn2High is exact
  static constexpr float kLowest = -87, kHighest = 88;
  static constexpr float kInteger = 0x1.8p23F;
  static constexpr int kMantissa = 23, kBias = 127;
};
template <>
struct Exponential<double> {
  static constexpr int kDegree = 13;  // the first term left out is below 2^-57
  static constexpr double kLn2High = 0x1.62e42fefap-1, kLn2Low = 0x1.cf79abc9e3b39p-40;
  static constexpr double kLowest = -708, kHighest = 709;
  static constexpr double kInteger = 0x1.8p52;
  static constexpr int kMantissa = 52, kBias = 1023;
};

/// 1 / i!, the coefficients of the series of exp.
struct InverseFactorials {
  double of[16];  // NOLINT: std::array is a function shared with other translation units
  constexpr InverseFactorials() : of() {
    double factorial = 1;
    for (int i = 0; i < 16; ++i) {
      factorial *= i == 0 ? 1 : i;
      of[i] = 1 / factorial;
    }
  }
};
constexpr InverseFactorials kInverseFactorial;

/// exp(x) to a few units in the last place; NaN stays NaN. Where it leaves the normal numbers it is Inf, and not below
/// the smallest of them.
template <typename A>
TTSCALE_INLINE typename Register<A>::Vector exponential(const typename Register<A>::Vector& x) {
  using E = Exponential<A>;
  using Vector = typename Register<A>::Vector;
  using Mask = typename Register<A>::Mask;
  constexpr A kLog2E = static_cast<A>(1.44269504088896340736);
  const Vector low = Vector{} + E::kLowest;
  const Vector high = Vector{} + E::kHighest;
  const Vector raised = x < low ? low : x;
  const Vector cut = raised > high ? high : raised;
  const Vector number = cut == cut ? cut : Vector{};  // an integer of NaN is anything
  // To the nearest integer: above kInteger the last place is 1, and the last bits are the integer's.
  const Vector integer = number * kLog2E + E::kInteger;
  const Vector whole = integer - E::kInteger;
  const Vector r = (cut - whole * E::kLn2High) - whole * E::kLn2Low;
  // The series of exp(r), from its last term inwards.
  Vector sum = Vector{} + static_cast<A>(kInverseFactorial.of[E::kDegree]);
#pragma GCC unroll 16
  for (int i = E::kDegree - 1; i >= 0; --i) {
    sum = sum * r + static_cast<A>(kInverseFactorial.of[i]);
  }
  const Vector power = sum * bit_cast<Vector>((bit_cast<Mask>(integer) + E::kBias) << E::kMantissa);
  return x > high ? Vector{} + static_cast<A>(__builtin_inf()) : power;
}

/// log(x) of normal numbers x > 0, to a few units in the last place. Of others it is some number.
TTSCALE_INLINE Register<double>::Vector logarithm(const Register<double>::Vector& x) {
  using E = Exponential<double>;
  using Vector = Register<double>::Vector;
  using Bits = Of<Register<double>::kWidth>::LongWord;
  // x = 2^n m with m between root 1/2 and root 2. n + kBias is above the mantissa of bits that are less by those of
  // root 1/2 and more by those of 1.
  constexpr std::uint64_t kOne = 0x3ff0000000000000;
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd;
  const Bits biased = (bit_cast<Bits>(x) + (kOne - kRootHalf)) >> E::kMantissa;
  const Vector m = bit_cast<Vector>(bit_cast<Bits>(x) - (biased << E::kMantissa) + kOne);
  const Vector whole = bit_cast<Vector>(biased | bit_cast<Bits>(Vector{} + 0x1p52)) - (0x1p52 + E::kBias);
  // log(m) = 2 artanh(s), s = (m - 1) / (m + 1), s^2 < 0.0295: the first term left out is below 2^-60 of s.
  const Vector s = (m - 1.0) / (m + 1.0);
  const Vector square = s * s;
  constexpr int kTerms = 11;
  Vector sum = Vector{} + 1.0 / (2 * kTerms - 1);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i > 0; --i) {
    sum = sum * square + 1.0 / (2 * i + 1);
  }
  return whole * E::kLn2High + (2.0 * s + (2.0 * s * square * sum + whole * E::kLn2Low));
}

}  // namespace
}  // namespace ttscale::simd
