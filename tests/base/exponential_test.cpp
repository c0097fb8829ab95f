// SPDX-License-Identifier: MIT
// exp and log on lanes against those of the C++ library in long double.
#include "base/exponential.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace ttscale::simd {
namespace {

/// f(x) in the last lane, when the others have another number, for which it is `rest`.
template <typename T, typename F>
T last_lane(const F& f, T x, T other, T rest) {
  using Vector = typename Register<T>::Vector;
  Vector lanes = Vector{} + other;
  lanes[Register<T>::kWidth - 1] = x;
  const Vector y = f(lanes);
  EXPECT_EQ(y[0], rest);
  return y[Register<T>::kWidth - 1];
}

template <typename T>
T exp_of(T x) {
  return last_lane<T>([](const auto& lanes) { return exponential<T>(lanes); }, x, 0, 1);
}
double log_of(double x) {
  return last_lane<double>([](const auto& lanes) { return logarithm(lanes); }, x, 1, 0);
}

/// Difference in units of the last place, or more.
template <typename T>
double error(T found, long double expected) {
  return static_cast<double>(std::fabs((found - expected) / (expected * std::numeric_limits<T>::epsilon())));
}

TEST(Exponential, IsThatOfLongDouble) {
  for (int i = -70799; i < 70900; ++i) {
    const double x = i / 100.0 + 1e-3 * std::sin(i);
    EXPECT_LT(error(exp_of(x), std::exp(static_cast<long double>(x))), 2) << x;
  }
  for (int i = -8699; i < 8800; ++i) {
    const auto x = static_cast<float>(i / 100.0 + 1e-3 * std::sin(i));
    EXPECT_LT(error(exp_of(x), std::exp(static_cast<long double>(x))), 2) << x;
  }
}

/// `high` and more give Inf; `low` and less something below `smallest`, and not 0.
template <typename T>
void expect_edges(T high, T low, T smallest) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  EXPECT_EQ(exp_of(T{0}), 1);
  EXPECT_EQ(exp_of(-T{0}), 1);
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<T>::quiet_NaN())));
  for (const T x : {high, high * 1000, kInf}) {
    EXPECT_EQ(exp_of(x), kInf) << x;
  }
  for (const T x : {low, low * 1000, -kInf}) {
    EXPECT_GT(exp_of(x), 0) << x;
    EXPECT_LT(exp_of(x), smallest) << x;
  }
}

TEST(Exponential, AtTheEdgesOfItsNumbers) {
  expect_edges<double>(710, -709, 1e-307);
  expect_edges<float>(89, -88, 1e-37F);
}

TEST(Logarithm, IsThatOfLongDouble) {
  for (int i = -70000; i < 70000; ++i) {
    const double x = std::exp(i / 100.0);
    if (i != 0) {
      EXPECT_LT(error(log_of(x), std::log(static_cast<long double>(x))), 2) << x;
    }
    const double near_one = 1 + i * 1e-6;
    if (i != 0) {
      EXPECT_LT(error(log_of(near_one), std::log(static_cast<long double>(near_one))), 2) << near_one;
    }
  }
  EXPECT_EQ(log_of(1), 0);
  EXPECT_NEAR(log_of(std::numeric_limits<double>::min()), -708.3964185322641, 1e-12);
  EXPECT_NEAR(log_of(std::numeric_limits<double>::max()), 709.782712893384, 1e-12);
}

}  // namespace
}  // namespace ttscale::simd
