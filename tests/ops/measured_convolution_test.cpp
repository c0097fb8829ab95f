// SPDX-License-Identifier: MIT
// Convolutions that normalise what they read and measure what they write, against aten::conv2d in float64 of what they
// are to read, with every instruction set of this CPU.
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "base/isa.h"
#include "ops/cpu/depthwise_convolution.h"
#include "ops/cpu/loops.h"
#include "ops/cpu/matrix_kernels.h"
#include "ops/cpu/partial_moments.h"
#include "ops/cpu/pointwise_convolution.h"
#include "ops/packed_convolution.h"

namespace ttscale::ops {
namespace {

using Function = Activation::Function;
using Sides = std::array<std::int64_t, 2>;
using MaybeTensor = c10::optional<at::Tensor>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Half the distance of 1 to the next float32: one rounding.
constexpr double kRounding = 0x1p-24;

at::Tensor wide(const at::Tensor& t) { return t.to(at::kDouble); }

const std::vector<Activation>& activations() {
  static const std::vector<Activation> all{{},
                                           {Function::kClamp, 0, 6},
                                           {Function::kClamp, 0, kInfinity},
                                           {Function::kHardswish, 0, 0},
                                           {Function::kSilu, 0, 0},
                                           {Function::kLeakyRelu, 0.1, 0}};
  return all;
}

at::Tensor activated(const at::Tensor& x, const Activation& f) {
  switch (f.function) {
    case Function::kLeakyRelu:
      return at::leaky_relu(x, f.a);
    case Function::kHardswish:
      return at::hardswish(x);
    case Function::kSilu:
      return at::silu(x);
    case Function::kClamp:
      break;
  }
  return at::clamp(x, f.a, f.b);
}

/// What a convolution is to write, and how large what it adds up is: errors of rounding are in proportion to that.
struct Expected {
  at::Tensor y, size;
};

Expected expected(const at::Tensor& images, const ConvolutionOptions& o, const Prologue& prologue) {
  at::Tensor x = wide(images);
  at::Tensor size = x.abs();
  if (!prologue.does_nothing()) {
    const auto over_pixels = [](const at::Tensor& t) {
      return (t.dim() == 1 ? t.unsqueeze(0) : t).view({-1, t.size(-1), 1, 1});
    };
    const at::Tensor scaled = (x - over_pixels(prologue.k.center)) * over_pixels(prologue.k.scale);
    size = scaled.abs() + over_pixels(prologue.k.shift).abs();
    x = activated(scaled + over_pixels(prologue.k.shift), prologue.activation);
  }
  const MaybeTensor bias = o.bias ? MaybeTensor(wide(*o.bias)) : c10::nullopt;
  const MaybeTensor bias_size = bias ? MaybeTensor(bias->abs()) : c10::nullopt;
  return {at::conv2d(x, wide(o.weight), bias, o.stride, o.padding, o.dilation, o.groups),
          at::conv2d(size, wide(o.weight).abs(), bias_size, o.stride, o.padding, o.dilation, o.groups)};
}

/// Errors cancel: 5 roundings of all that is added up are the most that has been seen, at whatever number of products.
void expect_y(const at::Tensor& y, const Expected& want) {
  ASSERT_EQ(y.sizes(), want.y.sizes());
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_LE(((wide(y) - want.y).abs() / (want.size + 1e-30)).max().item<double>(), 8 * kRounding);
}

/// The mean to 1e-6 of the spread and the variance to 2e-6 of itself, as the loops have them (kernels_test.cpp).
void expect_moments(const Measured& found) {
  const at::Tensor each = wide(found.x).flatten(2);
  const at::Tensor mean = each.mean(2);
  const at::Tensor var = each.var(2, /*unbiased=*/false);
  ASSERT_EQ(found.mean.sizes(), mean.sizes());
  ASSERT_EQ(found.var.sizes(), var.sizes());
  EXPECT_EQ(found.mean.scalar_type(), at::kDouble);
  const at::Tensor mean_room = 1e-6 * var.sqrt() + 1e-15 * mean.abs();
  const at::Tensor var_room = 2e-6 * var + 1e-30 * mean.square();
  EXPECT_LE(((found.mean - mean).abs() - mean_room).max().item<double>(), 0);
  EXPECT_LE(((found.var - var).abs() - var_room).max().item<double>(), 0);
}

/// Of finite numbers.
bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  const auto bits = [](const at::Tensor& t) { return t.view(t.scalar_type() == at::kDouble ? at::kLong : at::kInt); };
  return bits(a).equal(bits(b));
}

bool same_bits(const Measured& a, const Measured& b) {
  return same_bits(a.x, b.x) && same_bits(a.mean, b.mean) && same_bits(a.var, b.var);
}

/// How many threads there are while it lives.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// One of the two convolutions.
using Run = Measured (*)(Isa, const at::Tensor&, const ConvolutionOptions&, const Prologue&);

Measured depthwise(Isa isa, const at::Tensor& x, const ConvolutionOptions& options, const Prologue& prologue) {
  return depthwise_convolution(isa, x, depthwise_weight(options.weight), options, prologue);
}

Measured pointwise(Isa isa, const at::Tensor& x, const ConvolutionOptions& options, const Prologue& prologue) {
  return pointwise_convolution(isa, x, pointwise_weight(options.weight), options, prologue);
}

/// Against the reference, and the same bits with every instruction set and number of threads.
void expect_right(Run run, const at::Tensor& x, const ConvolutionOptions& options, const Prologue& prologue) {
  const Measured found = run(Isa::kBaseline, x, options, prologue);
  expect_y(found.x, expected(x, options, prologue));
  expect_moments(found);
  for (const Isa isa : available_isas()) {
    for (const int count : {1, 4}) {
      const Threads threads(count);
      EXPECT_TRUE(same_bits(run(isa, x, options, prologue), found)) << isa_name(isa) << ", threads: " << count;
    }
  }
}

/// Coefficients for x: none, [C], [N, C].
Prologue prologue_of(int kind, const at::Tensor& x, const Activation& activation) {
  if (kind == 0) {
    return {};
  }
  const std::vector<std::int64_t> each{x.size(0), x.size(1)};
  const std::vector<std::int64_t> one{x.size(1)};
  const auto random = [&] { return at::randn(kind == 1 ? one : each, at::kDouble); };
  return {{random(), random() + 1.5, random()}, activation};
}

/// Draws the settings that a case does not name, so that all of them meet.
class Draw {
 public:
  template <typename T>
  T of(const std::vector<T>& choices) {
    return choices[random_() % choices.size()];
  }

 private:
  std::mt19937 random_{7};
};

at::Tensor images(Draw& draw, std::int64_t count, std::int64_t channels, const Sides& sides) {
  return (at::randn({count, channels, sides[0], sides[1]}) + 0.3)
      .contiguous(draw.of<at::MemoryFormat>({at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}));
}

ConvolutionOptions depthwise_options(std::int64_t channels, const Sides& kernel, const Sides& stride,
                                     const Sides& padding, bool bias) {
  ConvolutionOptions out{at::randn({channels, 1, kernel[0], kernel[1]}),
                         {},
                         {stride[0], stride[1]},
                         {padding[0], padding[1]},
                         {1, 1},
                         channels};
  if (bias) {
    out.bias = at::randn({channels});
  }
  return out;
}

ConvolutionOptions pointwise_options(std::int64_t in, std::int64_t out, bool bias) {
  ConvolutionOptions options{at::randn({out, in, 1, 1}), {}, {1, 1}, {0, 0}, {1, 1}, 1};
  if (bias) {
    options.bias = at::randn({out});
  }
  return options;
}

class DepthwiseConvolution : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(1); }
};

class PointwiseConvolution : public ::testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(2);
    if (!has_matrix_kernels()) {
      GTEST_SKIP() << "LibTorch " << TORCH_VERSION << " on this CPU has no micro-kernels for matrices of float32";
    }
  }
};

TEST_F(DepthwiseConvolution, IsConv2dOfThePrologue) {
  Draw draw;
  int cases = 0;
  for (const Sides& kernel : {Sides{1, 1}, {3, 3}, {5, 5}, {7, 7}, {3, 5}}) {
    for (const Sides& stride : {Sides{1, 1}, {2, 2}, {2, 1}, {3, 4}}) {
      for (const Sides& sides : {Sides{1, 1}, {2, 3}, {7, 7}, {15, 17}, {40, 40}}) {
        for (const int kind : {0, 1, 2}) {
          const Sides padding =
              draw.of<Sides>({{0, 0}, {1, 1}, {2, 2}, {3, 3}, {kernel[0] / 2, kernel[1] / 2}, {3, 0}});
          const auto channels = draw.of<std::int64_t>({32, 33, 40, 130, 200});
          const at::Tensor x = images(draw, draw.of<std::int64_t>({1, 3}), channels, sides);
          const ConvolutionOptions options =
              depthwise_options(channels, kernel, stride, padding, draw.of<int>({0, 1}) == 1);
          if (output_side(x, options, 0) < 1 || output_side(x, options, 1) < 1) {
            EXPECT_FALSE(is_depthwise(x, options));
            continue;
          }
          SCOPED_TRACE(c10::str(x.sizes(), ", kernel ", options.weight.sizes(), ", stride ", options.stride,
                                ", padding ", options.padding, ", prologue ", kind));
          ASSERT_TRUE(is_depthwise(x, options));
          expect_right(depthwise, x, options, prologue_of(kind, x, draw.of(activations())));
          ++cases;
        }
      }
    }
  }
  EXPECT_GE(cases, 150);  // of 225: kernels may be larger than images
}

TEST_F(DepthwiseConvolution, ImagesOfSeveralBands) {
  for (const Sides& kernel : {Sides{3, 3}, {5, 5}, {5, 3}}) {
    for (const std::int64_t stride : {1, 2}) {
      const at::Tensor x = at::randn({2, 130, 100, 61}).contiguous(at::MemoryFormat::ChannelsLast);
      const ConvolutionOptions options =
          depthwise_options(130, kernel, {stride, stride}, {kernel[0] / 2, kernel[1] / 2}, true);
      SCOPED_TRACE(c10::str("kernel ", options.weight.sizes(), ", stride ", stride));
      expect_right(depthwise, x, options, prologue_of(2, x, {Function::kClamp, 0, 6}));
    }
  }
}

TEST_F(DepthwiseConvolution, RowsOfEveryLength) {
  for (std::int64_t columns = 1; columns <= 24; ++columns) {
    for (const std::int64_t edge : {3, 5}) {
      for (const std::int64_t stride : {1, 2}) {
        const at::Tensor x = at::randn({1, 41, 5, columns}).contiguous(at::MemoryFormat::ChannelsLast);
        SCOPED_TRACE(c10::str(columns, " columns, kernel ", edge, ", stride ", stride));
        expect_right(depthwise, x, depthwise_options(41, {edge, edge}, {stride, stride}, {edge / 2, edge / 2}, true),
                     prologue_of(1, x, {Function::kClamp, 0, 6}));
      }
    }
  }
}

TEST_F(DepthwiseConvolution, EveryActivation) {
  for (const Activation& f : activations()) {
    const at::Tensor x = 3 * at::randn({3, 40, 9, 11});
    expect_right(depthwise, x, depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true), prologue_of(1, x, f));
  }
}

TEST_F(DepthwiseConvolution, TakesNoOthers) {
  const at::Tensor x = at::randn({2, 40, 9, 9});
  const ConvolutionOptions good = depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true);
  EXPECT_TRUE(is_depthwise(x, good));
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    ConvolutionOptions other = good;
    other.weight = good.weight.to(type);
    other.bias = good.bias->to(type);
    EXPECT_FALSE(is_depthwise(x.to(type), other)) << type;
    EXPECT_FALSE(is_depthwise(x.to(type), good)) << type;
    EXPECT_FALSE(is_depthwise(x, other)) << type;
  }
  ConvolutionOptions dilated = good;
  dilated.dilation = {1, 2};
  EXPECT_FALSE(is_depthwise(x, dilated));
  ConvolutionOptions pairs = good;
  pairs.weight = at::randn({40, 2, 3, 3});
  pairs.groups = 20;
  EXPECT_FALSE(is_depthwise(x, pairs));
  ConvolutionOptions twice = good;  // two outputs of each input
  twice.weight = at::randn({80, 1, 3, 3});
  EXPECT_FALSE(is_depthwise(x, twice));
  EXPECT_FALSE(is_depthwise(at::randn({2, 31, 9, 9}), depthwise_options(31, {3, 3}, {1, 1}, {1, 1}, true)));
  EXPECT_FALSE(is_depthwise(x, depthwise_options(40, {9, 3}, {1, 1}, {4, 1}, true)));
  EXPECT_FALSE(is_depthwise(at::randn({2, 41, 9, 9}), good));
  EXPECT_FALSE(is_depthwise(at::randn({40, 9, 9}), good)) << "one image without its dimension";
  EXPECT_FALSE(is_depthwise(at::randn({0, 40, 9, 9}), good));
  EXPECT_FALSE(is_depthwise(at::randn({2, 40, 9, 0}), good));
}

TEST_F(PointwiseConvolution, IsConv2dOfThePrologue) {
  Draw draw;
  const auto expect = [&](std::int64_t in, std::int64_t out, const Sides& sides, std::int64_t count, int kind) {
    const at::Tensor x = images(draw, count, in, sides);
    const ConvolutionOptions options = pointwise_options(in, out, draw.of<int>({0, 1}) == 1);
    SCOPED_TRACE(c10::str(x.sizes(), " to ", out, ", bias ", options.bias.has_value(), ", prologue ", kind));
    ASSERT_TRUE(is_pointwise(x, options));
    expect_right(pointwise, x, options, prologue_of(kind, x, draw.of(activations())));
  };
  for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {3, 5}, {16, 96}, {64, 31}, {96, 24}, {576, 160}, {300, 1300}, {2048, 512}}) {
    for (const Sides& sides : {Sides{1, 1}, {3, 3}, {7, 7}, {14, 14}, {37, 41}}) {
      for (const std::int64_t count : {1, 3, 5}) {
        if (in * out * sides[0] * sides[1] * count < 250'000'000) {  // else slow
          expect(in, out, sides, count, draw.of<int>({0, 1, 2}));
        }
      }
    }
  }
  for (const int kind : {0, 1, 2}) {
    expect(16, 96, {112, 112}, 1, kind);
    expect(300, 1300, {3, 3}, 8, kind);  // images in groups, outputs in runs
    expect(3, 5, {3, 3}, 30, kind);      // groups of 8: the last is smaller
  }
}

TEST_F(PointwiseConvolution, EveryActivation) {
  for (const Activation& f : activations()) {
    const at::Tensor x = 3 * at::randn({3, 40, 9, 11});
    expect_right(pointwise, x, pointwise_options(40, 33, true), prologue_of(1, x, f));
  }
}

TEST_F(PointwiseConvolution, NormalisesWhereTheWeightFitsTheCache) {
  EXPECT_TRUE(pointwise_normalises(pointwise_options(16, 96, false)));
  EXPECT_TRUE(pointwise_normalises(pointwise_options(576, 160, false)));
  EXPECT_FALSE(pointwise_normalises(pointwise_options(300, 1300, false)));
  EXPECT_FALSE(pointwise_normalises(pointwise_options(2048, 512, false)));
}

TEST_F(PointwiseConvolution, TakesNoOthers) {
  const at::Tensor x = at::randn({2, 8, 9, 9});
  const ConvolutionOptions good = pointwise_options(8, 6, true);
  EXPECT_TRUE(is_pointwise(x, good));
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    ConvolutionOptions other = good;
    other.weight = good.weight.to(type);
    other.bias = good.bias->to(type);
    EXPECT_FALSE(is_pointwise(x.to(type), other)) << type;
    EXPECT_FALSE(is_pointwise(x.to(type), good)) << type;
    EXPECT_FALSE(is_pointwise(x, other)) << type;
  }
  ConvolutionOptions strided = good;
  strided.stride = {1, 2};
  EXPECT_FALSE(is_pointwise(x, strided));
  ConvolutionOptions padded = good;
  padded.padding = {1, 0};
  EXPECT_FALSE(is_pointwise(x, padded));
  ConvolutionOptions grouped = good;
  grouped.weight = at::randn({6, 4, 1, 1});
  grouped.groups = 2;
  EXPECT_FALSE(is_pointwise(x, grouped));
  ConvolutionOptions larger = good;
  larger.weight = at::randn({6, 8, 1, 3});
  EXPECT_FALSE(is_pointwise(x, larger));
  EXPECT_FALSE(is_pointwise(at::randn({2, 7, 9, 9}), good));
  EXPECT_FALSE(is_pointwise(at::randn({8, 9, 9}), good)) << "one image without its dimension";
  EXPECT_FALSE(is_pointwise(at::randn({0, 8, 9, 9}), good));
}

TEST(PointwiseConvolutions, AreNotTakenWithoutMicroKernels) {
  EXPECT_EQ(is_pointwise(at::randn({2, 8, 9, 9}), pointwise_options(8, 6, true)), has_matrix_kernels());
}

/// Outputs N(1000, 0.1), which float32 has 1600 steps of a spread for.
void expect_moments_of_a_large_mean(Run run, ConvolutionOptions options, const at::Tensor& x) {
  options.weight *= 0.1 / std::sqrt(static_cast<double>(options.weight[0].numel()));
  options.bias = at::full({options.weight.size(0)}, 1000.0);
  for (const Isa isa : available_isas()) {
    const Measured found = run(isa, x, options, {});
    EXPECT_NEAR(found.mean.mean().item<double>(), 1000, 1) << "or this shows nothing";
    EXPECT_NEAR(found.var.sqrt().mean().item<double>(), 0.1, 0.05) << "or this shows nothing";
    expect_moments(found);
  }
}

TEST_F(DepthwiseConvolution, MomentsOfALargeMean) {
  expect_moments_of_a_large_mean(depthwise, depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true),
                                 at::randn({2, 40, 90, 90}));
}

TEST_F(PointwiseConvolution, MomentsOfALargeMean) {
  expect_moments_of_a_large_mean(pointwise, pointwise_options(64, 48, true), at::randn({2, 64, 90, 90}));
}

/// A number of channel 1 of image 1 that is not finite is seen in that image alone, in `channel` or, if that is
/// negative, in all channels.
void expect_only_in_its_image(Run run, const ConvolutionOptions& options, const at::Tensor& x, std::int64_t channel) {
  for (const int kind : {0, 1, 2}) {
    Prologue prologue = prologue_of(kind, x, {Function::kLeakyRelu, 0.1, 0});
    if (kind > 0) {
      prologue.k.scale = prologue.k.scale.abs() + 0.1;
    }
    for (const Isa isa : available_isas()) {
      const Measured clean = run(isa, x, options, prologue);
      for (const double bad : {std::nan(""), kInfinity, -kInfinity}) {
        SCOPED_TRACE(c10::str(isa_name(isa), ", prologue ", kind, ", ", bad));
        at::Tensor images = x.clone();
        images[1][1][x.size(2) / 2][x.size(3) / 2] = bad;
        const Measured found = run(isa, images, options, prologue);
        const at::Tensor finite = found.mean.isfinite().logical_and(found.var.isfinite());
        at::Tensor want = at::ones_like(finite);
        if (channel < 0) {
          want[1].fill_(false);
        } else {
          want[1][channel].fill_(false);
        }
        EXPECT_TRUE(finite.equal(want));
        const auto rest = [&](const at::Tensor& t) { return t.flatten(2).masked_select(want.unsqueeze(2)); };
        EXPECT_TRUE(same_bits(rest(found.x), rest(clean.x)));
        EXPECT_TRUE(same_bits(rest(found.mean.unsqueeze(2)), rest(clean.mean.unsqueeze(2))));
        EXPECT_TRUE(same_bits(rest(found.var.unsqueeze(2)), rest(clean.var.unsqueeze(2))));
      }
    }
  }
}

TEST_F(DepthwiseConvolution, WhatIsNotFiniteStaysInItsImageAndChannel) {
  expect_only_in_its_image(depthwise, depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true), at::randn({3, 40, 5, 7}), 1);
  expect_only_in_its_image(depthwise, depthwise_options(33, {3, 3}, {1, 1}, {1, 1}, false), at::randn({3, 33, 31, 30}),
                           1);
}

TEST_F(PointwiseConvolution, WhatIsNotFiniteStaysInItsImage) {
  expect_only_in_its_image(pointwise, pointwise_options(24, 40, true), at::randn({3, 24, 3, 3}),
                           -1);  // multiplied together
  expect_only_in_its_image(pointwise, pointwise_options(24, 40, false), at::randn({3, 24, 60, 61}), -1);
  expect_only_in_its_image(pointwise, pointwise_options(600, 640, false), at::randn({3, 600, 5, 5}), -1);
}

/// Coefficients of other channels, and of other images.
void expect_refusals(Run run, const ConvolutionOptions& options, const at::Tensor& x) {
  for (const std::vector<std::int64_t>& sizes :
       {std::vector<std::int64_t>{x.size(1) + 1}, {1}, {x.size(0) + 1, x.size(1)}, {x.size(0), x.size(1) - 1}}) {
    const at::Tensor k = at::ones(sizes, at::kDouble);
    EXPECT_THROW(run(available_isas().back(), x, options, {{k, k, k}, {}}), c10::Error) << sizes;
  }
  const at::Tensor k = at::ones({x.size(1)}, at::kDouble);
  const at::Tensor more = at::ones({x.size(1) + 1}, at::kDouble);
  EXPECT_THROW(run(available_isas().back(), x, options, {{k, k, more}, {}}), c10::Error);
  EXPECT_THROW(run(available_isas().back(), x, options, {{k.to(at::kFloat), k, k}, {}}), c10::Error);
}

TEST_F(DepthwiseConvolution, RefusesCoefficientsThatDoNotFit) {
  expect_refusals(depthwise, depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true), at::randn({2, 40, 9, 9}));
}

TEST_F(PointwiseConvolution, RefusesCoefficientsThatDoNotFit) {
  expect_refusals(pointwise, pointwise_options(16, 8, true), at::randn({2, 16, 9, 9}));
  expect_refusals(pointwise, pointwise_options(600, 640, true), at::randn({2, 600, 3, 3}));
}

TEST_F(PointwiseConvolution, IsLeftToOthersWithoutOneDnn) {
  const ConvolutionOptions options = pointwise_options(16, 24, true);
  const at::Tensor x = at::randn({2, 16, 9, 9});
  EXPECT_TRUE(is_pointwise(x, options));
  at::globalContext().setUserEnabledMkldnn(false);
  const bool ours = is_pointwise(x, options);
  PackedConvolution convolution(options);
  const Measured found = convolution.forward_measured(x, {});
  at::globalContext().setUserEnabledMkldnn(true);
  EXPECT_FALSE(ours);
  EXPECT_FALSE(found.mean.defined());
  EXPECT_TRUE(at::allclose(found.x, at::conv2d(x, options.weight, options.bias), 1e-4, 1e-4));
}

TEST(PackedConvolution, MeasuresInSeveralThreads) {
  at::manual_seed(12);
  for (const ConvolutionOptions& options :
       {depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true), pointwise_options(40, 16, true)}) {
    PackedConvolution convolution(options);
    std::vector<at::Tensor> x;
    std::vector<Measured> want;
    for (std::int64_t i = 1; i <= 4; ++i) {
      x.push_back(at::randn({i, 40, 11, 11}));
      want.push_back(PackedConvolution(options).forward_measured(x.back(), {}));
    }
    std::vector<int> wrong(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const at::NoGradGuard no_grad;
        for (std::size_t call = 0; call < 40; ++call) {
          const std::size_t j = (i + call) % 4;
          const Measured found = convolution.forward_measured(x[j], {});
          const bool same = found.x.equal(want[j].x) && (!found.mean.defined() || found.mean.equal(want[j].mean));
          wrong[i] += same ? 0 : 1;
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_THAT(wrong, ::testing::Each(0));
  }
}

TEST_F(PointwiseConvolution, MomentsAloneAreThoseOfTheWhole) {
  for (const Sides& sides : {Sides{3, 3}, {37, 41}}) {
    for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>{16, 96}, {300, 1300}}) {
      const ConvolutionOptions options = pointwise_options(in, out, true);
      const at::Tensor x = at::randn({5, in, sides[0], sides[1]});
      const at::Tensor weight = pointwise_weight(options.weight);
      const Measured whole = pointwise_convolution(available_isas().back(), x, weight, options, {});
      const Measured alone = pointwise_moments(available_isas().back(), x, weight, options);
      EXPECT_EQ(alone.x.sizes(), whole.x.sizes());
      EXPECT_TRUE(same_bits(alone.mean, whole.mean) && same_bits(alone.var, whole.var)) << x.sizes();
    }
  }
}

TEST_F(PointwiseConvolution, MayBeDoneByTheDepthwiseOneBehindIt) {
  Draw draw;
  for (const Sides& kernel : {Sides{3, 3}, {5, 3}}) {
    for (const std::int64_t step : {1, 2, 3}) {
      for (const Sides& sides : {Sides{7, 7}, {15, 17}, {60, 40}}) {
        for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>{3, 33}, {24, 144}}) {
          const ConvolutionOptions expansion = pointwise_options(in, out, draw.of<int>({0, 1}) == 1);
          const ConvolutionOptions options =
              depthwise_options(out, kernel, {step, step}, {kernel[0] / 2, draw.of<std::int64_t>({0, kernel[1] / 2})},
                                draw.of<int>({0, 1}) == 1);
          const at::Tensor x = images(draw, draw.of<std::int64_t>({1, 3}), in, sides);
          const at::Tensor wide = at::empty({x.size(0), out, 1, 1});
          const Prologue prologue = prologue_of(draw.of<int>({1, 2}), wide, draw.of(activations()));
          const auto run = [&](Isa isa) {
            return expand_and_convolve(isa, x, expansion_weight(expansion.weight), expansion.bias,
                                       depthwise_weight(options.weight), options, prologue);
          };
          SCOPED_TRACE(c10::str(x.sizes(), " to ", out, ", kernel ", options.weight.sizes(), ", step ", step));
          const Measured found = run(Isa::kBaseline);
          const at::Tensor expanded = pointwise(Isa::kBaseline, x, expansion, {}).x;
          const Measured want = depthwise(Isa::kBaseline, expanded, options, prologue);
          const double room = 1e-5 * want.x.abs().max().item<double>();
          EXPECT_LE((found.x - want.x).abs().max().item<double>(), room);
          expect_moments(found);
          for (const Isa isa : available_isas()) {
            for (const int count : {1, 4}) {
              const Threads threads(count);
              EXPECT_TRUE(same_bits(run(isa), found)) << isa_name(isa) << ", threads: " << count;
            }
          }
        }
      }
    }
  }
}

TEST(PartialMoments, OfPartsAreThoseOfTheWhole) {
  at::manual_seed(3);
  const std::vector<std::int64_t> lengths{1, 7, 64, 130};
  constexpr std::int64_t kPixels = 202;
  for (const std::int64_t channels : {1, 5, 40, 300}) {
    // In the order of memory: [N, pixels, C].
    const at::Tensor x = at::randn({3, kPixels, channels}) + 10 * at::randn({3, 1, channels});
    for (const Isa isa : available_isas()) {
      PartialMoments moments(3, static_cast<std::int64_t>(lengths.size()), channels);
      for (std::int64_t image = 0; image < 3; ++image) {
        std::int64_t start = 0;
        for (std::size_t part = 0; part < lengths.size(); ++part) {
          for (std::int64_t before = 0; before < lengths[part];) {
            const std::int64_t some = std::min<std::int64_t>(lengths[part] - before, 1 + 3 * before);
            const float* pixels = x[image][start + before].data_ptr<float>();
            const std::int64_t half = channels < 64 ? channels : channels / 2;
            for (std::int64_t channel = 0; channel < channels; channel += half) {
              moments.add(loop_table(isa).of_float, image, static_cast<std::int64_t>(part), before, pixels + channel,
                          some, channels, channel, half);
            }
            before += some;
          }
          start += lengths[part];
        }
      }
      const auto [mean, var] = moments.merged(lengths);
      expect_moments({x.permute({0, 2, 1}), mean, var});
    }
  }
}

TEST(PartialMoments, NothingBeforeIsNotLookedAt) {
  const std::array<double, 3> mean{1, 2, 3};
  const std::array<double, 3> m2{4, 5, 6};
  for (const double rubbish : {std::nan(""), kInfinity, -1e308}) {
    std::array<double, 3> into_mean{rubbish, rubbish, rubbish};
    std::array<double, 3> into_m2 = into_mean;
    merge_moments(into_mean.data(), into_m2.data(), 0, mean.data(), m2.data(), 9, 3);
    EXPECT_EQ(into_mean, mean);
    EXPECT_EQ(into_m2, m2);
  }
}

TEST(MeasuredForward, OfOtherConvolutionsTakesNoMoments) {
  at::manual_seed(4);
  ConvolutionOptions options{at::randn({24, 40, 3, 3}), at::randn({24}), {2, 1}, {1, 1}, {1, 1}, 1};
  PackedConvolution dense(options);
  EXPECT_FALSE(dense.normalises());
  for (const int kind : {0, 1, 2}) {
    const at::Tensor x = at::randn({3, 40, 9, 11});
    const Prologue prologue = prologue_of(kind, x, {Function::kClamp, 0, 6});
    const Measured found = dense.forward_measured(x, prologue);
    EXPECT_FALSE(found.mean.defined());
    EXPECT_FALSE(found.var.defined());
    expect_y(found.x, expected(x, options, prologue));
  }
}

TEST(MeasuredForward, NormalisesOnTheWay) {
  at::manual_seed(5);
  for (const ConvolutionOptions& options :
       {depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true), pointwise_options(40, 16, true)}) {
    PackedConvolution convolution(options);
    const bool measures = options.groups > 1 || has_matrix_kernels();
    EXPECT_EQ(convolution.normalises(), measures);
    for (int call = 0; call < 2; ++call) {  // the weight is laid out in the first
      const at::Tensor x = at::randn({3, 40, 9, 11});
      const Prologue prologue = prologue_of(2, x, {Function::kClamp, 0, 6});
      const Measured found = convolution.forward_measured(x, prologue);
      expect_y(found.x, expected(x, options, prologue));
      EXPECT_EQ(found.mean.defined(), measures);
      if (measures) {
        expect_moments(found);
      }
    }
  }
  EXPECT_FALSE(PackedConvolution(pointwise_options(2048, 512, false)).normalises());
  ConvolutionOptions bfloat16 = depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, false);
  bfloat16.weight = bfloat16.weight.to(at::kBFloat16);
  EXPECT_FALSE(PackedConvolution(bfloat16).normalises());
}

TEST(MeasuredForward, RefusesWhatConv2dRefuses) {
  const at::Tensor x = at::randn({2, 40, 9, 9});
  const auto expect_refused = [&](const char* what, const ConvolutionOptions& options) {
    SCOPED_TRACE(what);
    ASSERT_ANY_THROW(
        at::conv2d(x, options.weight, options.bias, options.stride, options.padding, options.dilation, options.groups))
        << "or this shows nothing";
    PackedConvolution convolution(options);
    EXPECT_NO_THROW(static_cast<void>(convolution.normalises()));
    EXPECT_ANY_THROW(convolution.forward_measured(x, {}));
  };
  const ConvolutionOptions depthwise = depthwise_options(40, {3, 3}, {1, 1}, {1, 1}, true);
  const ConvolutionOptions dense{at::randn({16, 40, 3, 3}), at::randn({16}), {1, 1}, {1, 1}, {1, 1}, 1};
  for (const ConvolutionOptions& options : {depthwise, pointwise_options(40, 16, true), dense}) {
    ConvolutionOptions other = options;
    other.bias = at::randn({7});
    expect_refused("bias of another size", other);
    other = options;
    other.stride = {0, 1};
    expect_refused("no step", other);
    other = options;
    other.padding = {1, -1};
    expect_refused("negative padding", other);
    other = options;
    other.bias = at::randn({options.weight.size(0)}, at::kDouble);
    expect_refused("bias of another type", other);
    other = options;
    other.dilation = {0, 1};
    expect_refused("no dilation", other);
  }
  ConvolutionOptions empty = depthwise;
  empty.weight = at::empty({40, 1, 0, 3});
  expect_refused("no kernel", empty);
}

}  // namespace
}  // namespace ttscale::ops
