// SPDX-License-Identifier: MIT
// exp and log on lanes against those of the C++ library in long double.
#include "base/exponential.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace ttscale::simd {
namespace {

constexpr int kDoubles = kVectorBytes / 8;
constexpr int kFloats = kVectorBytes / 4;
using Doubles = Of<kDoubles>::Double;
using Floats = Of<kFloats>::Float;

/// Of the last lane; the others have other numbers.
double exp_of(double x) {
  Doubles lanes{};
  lanes[kDoubles - 1] = x;
  const Doubles y = exponential<double, Doubles, Of<kDoubles>::Long>(lanes);
  EXPECT_EQ(y[0], 1);
  return y[kDoubles - 1];
}
float exp_of(float x) {
  Floats lanes{};
  lanes[kFloats - 1] = x;
  const Floats y = exponential<float, Floats, Of<kFloats>::Int>(lanes);
  EXPECT_EQ(y[0], 1);
  return y[kFloats - 1];
}
double log_of(double x) {
  Doubles lanes = Doubles{} + 1.0;
  lanes[kDoubles - 1] = x;
  const Doubles y = logarithm<kDoubles>(lanes);
  EXPECT_EQ(y[0], 0);
  return y[kDoubles - 1];
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

TEST(Exponential, AtTheEdgesOfItsNumbers) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(exp_of(0.0), 1);
  EXPECT_EQ(exp_of(-0.0), 1);
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_EQ(exp_of(kInf), kInf);
  EXPECT_EQ(exp_of(1e300), kInf);
  for (const double x : {-kInf, -1e300, -709.0}) {
    EXPECT_GT(exp_of(x), 0) << x;
    EXPECT_LT(exp_of(x), 1e-307) << x;
  }
}

TEST(Exponential, OfFloatsAtTheEdges) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(exp_of(kInf), kInf);
  EXPECT_EQ(exp_of(89.0F), kInf);
  for (const float x : {-kInf, -1e30F, -88.0F}) {
    EXPECT_GT(exp_of(x), 0) << x;
    EXPECT_LT(exp_of(x), 1e-37F) << x;
  }
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
