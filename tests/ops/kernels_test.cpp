// SPDX-License-Identifier: MIT
// The CPU kernels of moments and affine on every instruction set of this CPU, against slow loops and against each
// other.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/cpu/affine_kernel.h"
#include "ops/cpu/moments_kernel.h"
#include "ops/every_kernel.h"

namespace ttscale::ops {
namespace {

using Shape = std::vector<std::int64_t>;

class Kernels : public ::testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override { at::manual_seed(5); }
  Isa isa() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  bool is_double() const { return dtype() == at::kDouble; }
  bool is_wide() const { return is_double() || dtype() == at::kFloat; }

  /// Values in the dtype and layout under test.
  at::Tensor laid_out(const at::Tensor& x) const { return x.to(dtype()).contiguous(std::get<2>(GetParam())); }
  at::Tensor activations(const Shape& shape, double mean = 0.3, double spread = 1.5) const {
    return laid_out(at::randn(shape, at::kDouble) * spread + mean);
  }
};

/// Mean and biased variance in long double, two passes.
std::pair<long double, long double> slow_moments(const double* x, std::int64_t n) {
  long double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += x[i];
  }
  const long double mean = sum / static_cast<long double>(n);
  long double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
  }
  return {mean, squares / static_cast<long double>(n)};
}

/// Errors of the mean in standard deviations and of the variance by itself stay below `relative`, and every instruction
/// set gives the bits of the baseline.
void expect_moments(Isa isa, const at::Tensor& x, double relative) {
  const auto [mean, var] = moments_on(isa, x);
  const auto [same_mean, same_var] = moments_on(Isa::kBaseline, x);
  EXPECT_TRUE(mean.equal(same_mean) && var.equal(same_var)) << isa_name(isa) << x.sizes();
  const at::Tensor rows = x.to(at::kDouble).contiguous(at::MemoryFormat::Contiguous);
  const std::int64_t length = x.numel() / mean.numel();
  for (std::int64_t i = 0; i < mean.numel(); ++i) {
    const auto [want_mean, want_var] = slow_moments(rows.data_ptr<double>() + i * length, length);
    const double got_mean = mean.data_ptr<double>()[i];
    const double got_var = var.data_ptr<double>()[i];
    ASSERT_LE(std::fabs(static_cast<double>(got_mean - want_mean)),
              relative * static_cast<double>(std::sqrt(want_var)) + 1e-15 * std::fabs(got_mean))
        << x.sizes() << " row " << i;
    ASSERT_LE(std::fabs(static_cast<double>(got_var - want_var)), relative * static_cast<double>(want_var))
        << x.sizes() << " row " << i;
  }
}

const std::vector<Shape>& odd_shapes() {
  // One pixel; widths and lengths around those of vectors, tiles, groups of pixels, blocks and chunks.
  static const std::vector<Shape> shapes = [] {
    std::vector<Shape> all;
    for (const std::int64_t channels : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257, 515}) {
      for (const std::int64_t pixels : {1, 2, 7, 9, 33, 71}) {
        all.push_back({2, channels, pixels, 1});
      }
    }
    for (const std::int64_t pixels : {3,  4,   8,   15,  16,  17,  31,  32,   34,   47,   48,    49,    63,    64,
                                      65, 127, 129, 511, 512, 513, 543, 2559, 2560, 2561, 16383, 16384, 16385, 40000}) {
      all.push_back({2, 3, 1, pixels});
      all.push_back({1, 33, pixels, 1});
    }
    return all;
  }();
  return shapes;
}

TEST_P(Kernels, MomentsOfOddShapes) {
  for (const Shape& shape : odd_shapes()) {
    expect_moments(isa(), activations(shape), is_double() ? 1e-13 : 1e-6);
  }
}

TEST_P(Kernels, MomentsOfALargeMean) {
  if (!is_wide()) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  expect_moments(isa(), activations({1, 2, 2500, 1000}, 1000, 0.1), is_double() ? 1e-12 : 1e-7);
  // Means of blocks are rounded to 1e-16 of themselves, which is 1e-11 of the spread.
  expect_moments(isa(), activations({3, 40, 30, 30}, -1e6, 10), is_double() ? 1e-11 : 1e-6);
}

TEST_P(Kernels, MomentsOfOutliersJumpsAndDrift) {
  const double relative = is_double() ? 1e-12 : 2e-6;
  for (const Shape& shape : {Shape{2, 3, 7, 9}, {1, 40, 20, 20}, {1, 3, 200, 200}}) {
    at::Tensor x = at::randn(shape, at::kDouble);
    x.select(3, 0).select(2, 0).fill_(300);
    expect_moments(isa(), laid_out(x), relative);
    x = at::randn(shape, at::kDouble) * 0.01;
    x.slice(2, shape[2] / 3).add_(100);
    expect_moments(isa(), laid_out(x), relative);
    x = at::arange(shape[2] * shape[3], at::kDouble).view({1, 1, shape[2], shape[3]}).expand(shape).clone();
    expect_moments(isa(), laid_out(x), relative);
  }
}

TEST_P(Kernels, MomentsOfSmallNumbers) {
  // Squares are below the smallest float but for float64; means are not.
  const double scale = is_double() ? 1e-310 : (dtype() == at::kHalf ? 1e-6 : 1e-39);
  const at::Tensor x = laid_out(at::rand({2, 5, 40, 40}, at::kDouble) * scale);
  const auto [mean, var] = moments_on(isa(), x);
  const at::Tensor want = x.to(at::kDouble).flatten(2).mean(2);
  EXPECT_LE(((mean - want) / want).abs().max().item<double>(), 1e-5);
  EXPECT_GE(var.min().item<double>(), 0);
  if (dtype() == at::kHalf) {
    expect_moments(isa(), x, 1e-6);
  }
}

TEST_P(Kernels, MomentsOfConstantsAreExact) {
  for (const Shape& shape : {Shape{2, 3, 7, 7}, {2, 3, 7, 1}, {1, 40, 7, 7}, {1, 70, 9, 9}, {1, 3, 200, 300}}) {
    const at::Tensor x = laid_out(at::full(shape, is_double() ? 1e160 / 3 : 0.1, at::kDouble));
    const auto [mean, var] = moments_on(isa(), x);
    EXPECT_TRUE((mean == x.flatten()[0].to(at::kDouble)).all().item<bool>()) << x.sizes();
    EXPECT_EQ(var.abs().max().item<double>(), 0) << x.sizes();
  }
}

TEST_P(Kernels, NanAndInfStayInTheirChannel) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double poison : {std::nan(""), infinity, -infinity}) {
    for (const Shape& shape : {Shape{2, 3, 7, 7}, {2, 3, 2, 2}, {2, 70, 5, 9}, {2, 40, 1, 1}, {2, 2, 90, 101}}) {
      const std::int64_t pixels = shape[2] * shape[3];
      for (const std::int64_t pixel : {std::int64_t{0}, pixels / 2, pixels - 1}) {
        at::Tensor x = at::randn(shape);
        x[1][1].view(-1)[pixel] = poison;
        const auto [mean, var] = moments_on(isa(), laid_out(x));
        const at::Tensor finite = mean.isfinite().logical_and(var.isfinite());
        EXPECT_FALSE(finite[1][1].item<bool>()) << x.sizes() << pixel;
        EXPECT_EQ(finite.sum().item<std::int64_t>(), mean.numel() - 1) << x.sizes() << pixel;
      }
    }
  }
}

template <typename T, typename A>
std::vector<T> slow_affine(const at::Tensor& x, const at::Tensor& c, const at::Tensor& s, const at::Tensor& t) {
  const T* in = x.data_ptr<T>();
  const std::int64_t channels = x.size(1);
  const std::int64_t pixels = x.numel() / (x.size(0) * channels);
  const bool rows = x.is_contiguous();
  std::vector<T> out(static_cast<std::size_t>(x.numel()));
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const std::int64_t channel = rows ? i / pixels % channels : i % channels;
    const std::int64_t k = (c.dim() == 2 ? i / (channels * pixels) * channels : 0) + channel;
    const double center = c.data_ptr<double>()[k];
    const double scale = s.data_ptr<double>()[k];
    const auto rounded = static_cast<A>(center);
    const auto shift = static_cast<A>(t.data_ptr<double>()[k] - (center - static_cast<double>(rounded)) * scale);
    const A product = (static_cast<A>(in[i]) - rounded) * static_cast<A>(scale);
    out[static_cast<std::size_t>(i)] = static_cast<T>(product + shift);
  }
  return out;
}

/// The bits of the slow loops; NaN is NaN.
void expect_affine(Isa isa, const at::Tensor& x, const at::Tensor& c, const at::Tensor& s, const at::Tensor& t) {
  const at::Tensor y = affine_on(isa, x, c, s, t);
  ASSERT_EQ(y.scalar_type(), x.scalar_type());
  ASSERT_EQ(y.strides(), x.strides());
  const auto compare = [&](const auto& want) {
    using T = typename std::decay_t<decltype(want)>::value_type;
    const T* got = y.data_ptr<T>();
    std::int64_t different = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      const bool same = std::memcmp(&got[i], &want[i], sizeof(T)) == 0 ||
                        (std::isnan(static_cast<double>(got[i])) && std::isnan(static_cast<double>(want[i])));
      different += same ? 0 : 1;
    }
    EXPECT_EQ(different, 0) << isa_name(isa) << x.sizes() << c.sizes();
  };
  switch (x.scalar_type()) {
    case at::kDouble:
      return compare(slow_affine<double, double>(x, c, s, t));
    case at::kHalf:
      return compare(slow_affine<at::Half, float>(x, c, s, t));
    case at::kBFloat16:
      return compare(slow_affine<at::BFloat16, float>(x, c, s, t));
    default:
      return compare(slow_affine<float, float>(x, c, s, t));
  }
}

TEST_P(Kernels, AffineOfOddShapes) {
  for (const Shape& shape : odd_shapes()) {
    for (const Shape& size : {Shape{shape[1]}, {shape[0], shape[1]}}) {
      const auto coefficient = [&] { return at::randn(size, at::kDouble); };
      expect_affine(isa(), activations(shape), coefficient(), coefficient(), coefficient());
    }
  }
}

TEST_P(Kernels, AffineOfEveryNumberOf16Bits) {
  if (is_wide()) {
    GTEST_SKIP() << "too many numbers";
  }
  at::Tensor x = at::empty({1, 2, 4, 8192}, dtype());
  for (int i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    std::memcpy(static_cast<char*>(x.data_ptr()) + 2 * i, &bits, 2);
  }
  x = laid_out(x);
  // As it is; denormal results and ties; overflow to Inf; NaN of coefficients.
  for (const auto& [center, scale, shift] :
       std::vector<std::tuple<double, double, double>>{{0, 1, 0},
                                                       {0, 0.5, 0},
                                                       {0, 0.25, 0x1p-25},
                                                       {0, 0x1p-9, 0},
                                                       {0.1, 1.37, -0.2},
                                                       {0, 1.9, 0},
                                                       {0, 1, 16},
                                                       {0, 0x1p100, 0},
                                                       {std::nan(""), 1, 0},
                                                       {0, std::nan("0xfffffffffffff"), 0},
                                                       {0, 1, -std::nan("0xfffffffffffff")}}) {
    const auto full = [](double value) { return at::full({2}, value, at::kDouble); };
    expect_affine(isa(), x, full(center), full(scale), full(shift));
  }
}

TEST_P(Kernels, DoNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const Shape& shape : {Shape{7, 33, 60, 60},
                             {1, 1, 500, 1001},
                             {1, 3, 300, 501},
                             {1, 300, 40, 41},
                             {300, 600, 1, 1},
                             {64, 515, 3, 3}}) {
    const at::Tensor x = activations(shape);
    const at::Tensor c = at::randn({shape[0], shape[1]}, at::kDouble);
    at::set_num_threads(1);
    const auto [mean1, var1] = moments_on(isa(), x);
    const at::Tensor y1 = affine_on(isa(), x, c, c, c);
    for (const int threads : {2, 3}) {
      at::set_num_threads(threads);
      const auto [mean, var] = moments_on(isa(), x);
      EXPECT_TRUE(mean1.equal(mean) && var1.equal(var)) << x.sizes() << threads;
      EXPECT_TRUE(affine_on(isa(), x, c, c, c).equal(y1)) << x.sizes() << threads;
    }
    at::set_num_threads(before);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCpu, Kernels, every_kernel(), kernel_name);

}  // namespace
}  // namespace ttscale::ops
