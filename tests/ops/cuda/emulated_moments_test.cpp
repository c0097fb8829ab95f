// SPDX-License-Identifier: MIT
// The source of moments.cu on the CPU, against slow loops.
#include <limits>

#define TTSCALE_EMULATED_CUDA
#include "ops/cuda/moments.cu"

// After the kernels, which define what a CUDA thread is.
#include "ops/cuda/emulated.h"

namespace ttscale::ops::cuda {
namespace {

struct Result {
  std::vector<double> mean, var;
};

template <typename T>
Result run(Batch<T>& x) {
  const Activations activations = x.activations();
  const auto rows = static_cast<std::size_t>(activations.images * activations.channels);
  constexpr double kUnwritten = -77;
  Result out{std::vector<double>(rows, kUnwritten), std::vector<double>(rows, kUnwritten)};
  std::vector<double> scratch(moments_scratch(activations), std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(moments(activations, out.mean.data(), out.var.data(), scratch.data(), nullptr), cudaSuccess);
  return out;
}

template <typename T>
void expect_as_slow_loops(Batch<T>& x, const Shape& shape, double relative) {
  const Result found = run(x);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
      long double sum = 0;
      for (std::int64_t pixel = 0; pixel < shape.pixels; ++pixel) {
        sum += x.value(image, channel, pixel);
      }
      const long double mean = sum / static_cast<long double>(shape.pixels);
      long double squares = 0;
      for (std::int64_t pixel = 0; pixel < shape.pixels; ++pixel) {
        squares += (x.value(image, channel, pixel) - mean) * (x.value(image, channel, pixel) - mean);
      }
      const auto var = static_cast<double>(squares / static_cast<long double>(shape.pixels));
      const auto i = static_cast<std::size_t>(image * shape.channels + channel);
      ASSERT_LE(std::fabs(static_cast<double>(found.mean[i] - mean)),
                relative * std::sqrt(var) + 1e-15 * std::fabs(found.mean[i]))
          << ::testing::PrintToString(shape) << " row " << i;
      ASSERT_LE(std::fabs(found.var[i] - var), relative * var) << ::testing::PrintToString(shape) << " row " << i;
    }
  }
}

template <typename T>
class EmulatedMoments : public ::testing::Test {
 protected:
  static constexpr double kTolerance = sizeof(T) == 8 ? 1e-12 : 1e-6;
};
TYPED_TEST_SUITE(EmulatedMoments, ElementTypes);

TYPED_TEST(EmulatedMoments, EqualSlowLoops) {
  for (const bool channels_last : {false, true}) {
    for (const Shape& shape : shapes()) {
      for (const std::size_t offset : {0U, 1U}) {
        Batch<TypeParam> x(shape, channels_last, offset);
        x.draw(0.3, 1.5);
        ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x, shape, this->kTolerance)) << channels_last << offset;
      }
    }
  }
}

TYPED_TEST(EmulatedMoments, SurviveALargeMean) {
  if (sizeof(TypeParam) == 2) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  for (const bool channels_last : {false, true}) {
    for (const Shape& shape : {Shape{2, 3, 20000}, Shape{1, 8, 20000}, Shape{1, 1, 400000}}) {
      Batch<TypeParam> x(shape, channels_last, 0);
      x.draw(1000, 0.1);
      ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x, shape, 5e-6)) << channels_last;
    }
  }
}

TYPED_TEST(EmulatedMoments, SurviveAnOutlierInTheFirstPixel) {
  const Shape shape{2, 4, 10000};
  for (const bool channels_last : {false, true}) {
    Batch<TypeParam> x(shape, channels_last, 0);
    x.draw(0.3, 1.5);
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
      x.at(0, channel, 0) = element_of<TypeParam>(300);
    }
    ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x, shape, this->kTolerance)) << channels_last;
  }
}

TYPED_TEST(EmulatedMoments, OfConstantsAreExact) {
  for (const bool channels_last : {false, true}) {
    Batch<TypeParam> x({2, 4, 2500}, channels_last, 0);
    x.fill(element_of<TypeParam>(0.5));
    const Result found = run(x);
    for (std::size_t i = 0; i < found.mean.size(); ++i) {
      EXPECT_EQ(found.mean[i], 0.5);
      EXPECT_EQ(found.var[i], 0);
    }
  }
}

TYPED_TEST(EmulatedMoments, NanAndInfStayInTheirImageAndChannel) {
  const Shape shape{2, 8, 2400};
  for (const bool channels_last : {false, true}) {
    for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      for (const std::int64_t pixel : {0, 1, 1234, 2399}) {
        Batch<TypeParam> x(shape, channels_last, 0);
        x.draw(0.3, 1.5);
        x.at(1, 5, pixel) = element_of<TypeParam>(static_cast<Arithmetic<TypeParam>>(poison));
        const Result found = run(x);
        for (std::size_t i = 0; i < found.mean.size(); ++i) {
          EXPECT_EQ(std::isfinite(found.mean[i]) && std::isfinite(found.var[i]), i != 8 + 5) << i << " pixel " << pixel;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ttscale::ops::cuda
