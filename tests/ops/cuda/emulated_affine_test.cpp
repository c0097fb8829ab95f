// SPDX-License-Identifier: MIT
// The source of affine.cu on the CPU, against the formula in float64.
#define TTSCALE_EMULATED_CUDA
#include "ops/cuda/affine.cu"

// After the kernels, which define what a CUDA thread is.
#include "ops/cuda/emulated.h"

namespace ttscale::ops::cuda {
namespace {

template <typename T>
class EmulatedAffine : public ::testing::Test {
 protected:
  static constexpr double kTolerance = std::is_same_v<T, double>   ? 1e-13
                                       : std::is_same_v<T, float>  ? 1e-6
                                       : std::is_same_v<T, __half> ? 1e-3
                                                                   : 8e-3;

  static std::vector<double> draw(std::size_t count, double mean, double spread, unsigned seed) {
    std::mt19937_64 generator(seed);
    std::normal_distribution<double> normal(mean, spread);
    std::vector<double> out(count);
    for (double& value : out) {
      value = normal(generator);
    }
    return out;
  }

  /// x of N(mean, spread), centers about the mean.
  static void expect_formula(const Shape& shape, bool channels_last, bool per_image, std::size_t offset, double mean,
                             double spread, double tolerance) {
    const auto count = static_cast<std::size_t>((per_image ? shape.images : 1) * shape.channels);
    const std::vector<double> center = draw(count, mean, spread, 1);
    const std::vector<double> scale = draw(count, 0, 1, 2);
    const std::vector<double> shift = draw(count, 0, 1, 3);
    Batch<T> x(shape, channels_last, offset);
    x.draw(mean, spread);
    Batch<T> y(shape, channels_last, offset);
    const T unwritten = element_of<T>(-77);
    y.fill(unwritten);
    ASSERT_EQ(affine(x.activations(), {center.data(), scale.data(), shift.data(), per_image}, y.data(), nullptr),
              cudaSuccess);
    ASSERT_TRUE(y.surroundings_are(unwritten)) << ::testing::PrintToString(shape);
    for (std::int64_t image = 0; image < shape.images; ++image) {
      for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        const auto i = static_cast<std::size_t>((per_image ? image * shape.channels : 0) + channel);
        for (std::int64_t pixel = 0; pixel < shape.pixels; ++pixel) {
          const double want = (x.value(image, channel, pixel) - center[i]) * scale[i] + shift[i];
          ASSERT_LE(std::fabs(y.value(image, channel, pixel) - want), tolerance * std::fmax(1, std::fabs(want)))
              << ::testing::PrintToString(shape) << " image " << image << " channel " << channel << " pixel " << pixel;
        }
      }
    }
  }
};
TYPED_TEST_SUITE(EmulatedAffine, ElementTypes);

TYPED_TEST(EmulatedAffine, IsTheFormula) {
  for (const bool channels_last : {false, true}) {
    for (const bool per_image : {false, true}) {
      for (const Shape& shape : shapes()) {
        for (const std::size_t offset : {0U, 1U}) {
          ASSERT_NO_FATAL_FAILURE(
              this->expect_formula(shape, channels_last, per_image, offset, 0.3, 1.5, this->kTolerance));
        }
      }
    }
  }
}

TYPED_TEST(EmulatedAffine, KeepsDigitsNearALargeCenter) {
  if (sizeof(TypeParam) == 2) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  for (const bool channels_last : {false, true}) {
    this->expect_formula({2, 4, 400}, channels_last, false, 0, 1000, 0.1, 1e-6);
  }
}

}  // namespace
}  // namespace ttscale::ops::cuda
