// SPDX-License-Identifier: MIT
// Two joined convolutions, one after the other: the first may leave its normalisation to the second.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "base/isa.h"
#include "ops/cpu/matrix_kernels.h"
#include "ops/fused.h"
#include "ops/support.h"

namespace ttscale::ops {
namespace {

using Function = Activation::Function;

constexpr double kEps = 1e-3;
const Activation kRelu6{Function::kClamp, 0, 6};

struct Layer;

/// What is still to be done to the images of a layer, beside coefficients.
struct Before {
  Activation activation;
  const Layer* expansion = nullptr;
  c10::optional<at::Tensor> residual = {};
  bool finishes = false;
};

/// A convolution and the site behind it: of BatchNorm, or of features.
struct Layer {
  c10::intrusive_ptr<PackedConvolution> convolution;
  std::int64_t channels;
  at::Tensor weight, bias, mean, var, eps;

  Layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups)
      : convolution(
            c10::make_intrusive<PackedConvolution>(ConvolutionOptions{at::randn({out, in / groups, kernel, kernel}),
                                                                      at::randn({out}),
                                                                      {1, 1},
                                                                      {kernel / 2, kernel / 2},
                                                                      {1, 1},
                                                                      groups})),
        channels(out),
        weight(at::rand({out}) + 0.5),
        bias(at::randn({out})),
        mean(at::randn({out})),
        var(at::rand({out}) + 0.5),
        eps(at::full({out}, kEps, at::kDouble)) {}

  /// `x` is a tensor, or what another layer has left with what is still to come. Returns x as well where `finishes`.
  Unfinished run(bool norm, const Unfinished& x, const Before& before, const std::string& rule, State& s,
                 const Activation& f, Defers defers, const c10::optional<at::Tensor>& residual = c10::nullopt) const {
    const auto& [images, center, scale, shift, unused] = x;
    const auto expands = before.expansion == nullptr ? c10::nullopt : c10::make_optional(before.expansion->convolution);
    const auto what = static_cast<std::int64_t>(defers);
    const Activation& g = before.activation;
    return norm ? convolution_norm(images, convolution, weight, bias, mean, var, kEps, rule, s.running, s.counters,
                                   s.last, s.stream, residual, to_string(f.function), f.a, f.b, false, true, center,
                                   scale, shift, to_string(g.function), g.a, g.b, expands, before.residual,
                                   before.finishes, what)
                : convolution_restandardize(images, convolution, mean.to(at::kDouble), var.to(at::kDouble), eps, rule,
                                            s.running, s.counters, s.last, s.stream, residual, to_string(f.function),
                                            f.a, f.b, false, true, center, scale, shift, to_string(g.function), g.a,
                                            g.b, expands, before.residual, before.finishes, what);
  }
};

Unfinished finished(const at::Tensor& x) { return {x, c10::nullopt, c10::nullopt, c10::nullopt, c10::nullopt}; }

bool is_finished(const Unfinished& y) {
  const bool has = std::get<1>(y).has_value();
  EXPECT_EQ(std::get<2>(y).has_value(), has);
  EXPECT_EQ(std::get<3>(y).has_value(), has);
  return !has;
}

/// To rounding, in proportion to the largest.
void expect_close(const at::Tensor& found, const at::Tensor& want, double relative) {
  ASSERT_EQ(found.sizes(), want.sizes());
  if (want.numel() == 0) {
    return;
  }
  EXPECT_LE((found - want).abs().max().item<double>(), relative * std::max(1.0, want.abs().max().item<double>()));
}

void expect_close(const State& found, const State& want) {
  expect_close(found.running, want.running, 1e-6);
  expect_close(found.last, want.last, 1e-6);
  EXPECT_TRUE(found.counters.equal(want.counters));
  EXPECT_TRUE(found.stream.equal(want.stream));
}

struct Pair {
  const char* name;
  Layer (*first)();
  Layer (*second)();
};

class Deferred : public ::testing::TestWithParam<std::tuple<Pair, bool>> {
 protected:
  void SetUp() override { at::manual_seed(8); }

  bool norm() const { return std::get<1>(GetParam()); }

  /// Batches of `images` images through both layers, as they are and with the first one's normalisation deferred.
  /// Returns which of the batches the first layer has left unfinished.
  std::vector<bool> compare(const std::string& rule, const std::string& second_rule,
                            const std::vector<std::int64_t>& images) const {
    const Layer first = std::get<0>(GetParam()).first();
    const Layer second = std::get<0>(GetParam()).second();
    State first_plain(first.channels, at::kCPU, rule);
    State first_deferred(first.channels, at::kCPU, rule);
    State second_plain(second.channels, at::kCPU, second_rule);
    State second_deferred(second.channels, at::kCPU, second_rule);
    std::vector<bool> unfinished;
    for (const std::int64_t count : images) {
      SCOPED_TRACE(c10::str(rule, " then ", second_rule, ", batch ", unfinished.size()));
      const at::Tensor x = at::randn({count, 32, 9, 7}) * 2 + at::randn({count, 32, 1, 1});
      const Unfinished y = first.run(norm(), finished(x), {}, rule, first_plain, kRelu6, Defers::kNothing);
      EXPECT_TRUE(is_finished(y));
      const Unfinished z = second.run(norm(), y, {}, second_rule, second_plain, {}, Defers::kNothing);
      const Unfinished left = first.run(norm(), finished(x), {}, rule, first_deferred, kRelu6, Defers::kNormalisation);
      unfinished.push_back(!is_finished(left));
      if (!unfinished.back()) {
        expect_close(std::get<0>(left), std::get<0>(y), 1e-6);
      }
      const Unfinished found = second.run(norm(), left, {kRelu6}, second_rule, second_deferred, {}, Defers::kNothing);
      EXPECT_TRUE(is_finished(found));
      expect_close(std::get<0>(found), std::get<0>(z), 1e-5);
      expect_close(first_deferred, first_plain);
      expect_close(second_deferred, second_plain);
    }
    return unfinished;
  }
};

using Flags = std::vector<bool>;

TEST_P(Deferred, ComputesWhatTheTwoDo) {
  for (const char* rule : {"batch", "ema", "prior:count=4", "medbn"}) {
    EXPECT_EQ(compare(rule, rule, {4, 1, 3}), (Flags{true, true, true})) << rule;
  }
}

TEST_P(Deferred, SourceOfFeaturesHasNothingToDefer) {
  EXPECT_EQ(compare("source", "source", {4, 1}), (norm() ? Flags{true, true} : Flags{false, false}));
}

TEST_P(Deferred, WhatIsKnownAheadIsFinished) {
  // Of single images every fourth is measured.
  EXPECT_EQ(compare("ema:sample=1/4", "ema:sample=1/4", {1, 1, 1, 1, 1, 8}),
            (Flags{true, false, false, false, true, true}));
  // The second convolution is known ahead, and its images come unfinished.
  EXPECT_EQ(compare("ema", "ema:sample=1/4", {1, 1, 1, 1}), (Flags{true, true, true, true}));
  EXPECT_EQ(compare("ema:sample=1/4,lag=1", "ema", {8, 8}), (Flags{true, true}));  // coefficients [N, C]
}

TEST_P(Deferred, NoImagesAreFinished) { EXPECT_EQ(compare("batch", "batch", {3, 0, 2}), (Flags{true, false, true})); }

TEST_P(Deferred, TheActivationIsStillToCome) {
  const Layer first = std::get<0>(GetParam()).first();
  const at::Tensor x = at::randn({3, 32, 9, 7});
  for (const char* rule : {"source", "batch"}) {
    State one(first.channels, at::kCPU, rule);
    State two(first.channels, at::kCPU, rule);
    const Unfinished left = first.run(norm(), finished(x), {}, rule, one, kRelu6, Defers::kNormalisation);
    const Unfinished want = first.run(norm(), finished(x), {}, rule, two, kRelu6, Defers::kNothing);
    const auto& [y, center, scale, shift, unused] = left;
    at::Tensor found = y;
    if (center) {
      EXPECT_LT(y.min().item<double>(), 0) << "or this shows nothing";
      found = affine_then(y, {*center, *scale, *shift}, {{}, kRelu6});
    }
    expect_close(found, std::get<0>(want), 1e-6);
    EXPECT_GE(std::get<0>(want).min().item<double>(), 0);
    EXPECT_LE(std::get<0>(want).max().item<double>(), 6);
  }
}

/// A 1x1 convolution to many channels, which is left to the depthwise one behind it.
class Expansion : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { at::manual_seed(9); }

  /// Returns the channels of what the expansion has left, and whether that is finished.
  std::pair<std::int64_t, bool> compare(const std::string& rule, const std::string& second_rule,
                                        const at::Tensor& x) const {
    const Layer first(16, 64, 1, 1);
    const Layer second(64, 64, 3, 64);
    State first_plain(64, at::kCPU, rule);
    State first_left(64, at::kCPU, rule);
    State second_plain(64, at::kCPU, second_rule);
    State second_left(64, at::kCPU, second_rule);
    const bool norm = GetParam();
    const Unfinished y = first.run(norm, finished(x), {}, rule, first_plain, kRelu6, Defers::kNothing);
    const Unfinished z = second.run(norm, y, {}, second_rule, second_plain, {}, Defers::kNothing);
    const Unfinished left = first.run(norm, finished(x), {}, rule, first_left, kRelu6, Defers::kConvolution);
    const Unfinished found = second.run(norm, left, {kRelu6, &first}, second_rule, second_left, {}, Defers::kNothing);
    EXPECT_TRUE(is_finished(found));
    expect_close(std::get<0>(found), std::get<0>(z), 1e-5);
    expect_close(first_left, first_plain);
    expect_close(second_left, second_plain);
    return {std::get<0>(left).size(1), is_finished(left)};
  }
};

using Left = std::pair<std::int64_t, bool>;

TEST_P(Expansion, IsNotWrittenWhereItIsLarge) {
  const at::Tensor large = at::randn({4, 16, 182, 181}) + at::randn({4, 16, 1, 1});
  const bool repeats = has_matrix_kernels() && available_isas().back() == Isa::kAvx512;
  const Left missing = repeats ? Left{16, false} : Left{64, false};
  for (const char* rule : {"batch", "ema", "auto"}) {
    EXPECT_EQ(compare(rule, rule, large), missing) << rule;
  }
  EXPECT_EQ(compare("batch", "batch", at::randn({3, 16, 9, 7})), (Left{64, false})) << "stays in the caches";
}

TEST_P(Expansion, IsWrittenWhereMoreThanItsMomentsMatters) {
  const at::Tensor large = at::randn({4, 16, 182, 181});
  EXPECT_EQ(compare("medbn", "medbn", large), (Left{64, false}));
  EXPECT_EQ(compare("source", "source", large), (Left{64, !GetParam()}));
}

TEST_P(Expansion, IsDoneWhereTheNextIsKnownAhead) {
  // The next has been asked once, for nothing: it measures every fourth image, and this is none.
  const Layer first(16, 64, 1, 1);
  const Layer second(64, 64, 3, 64);
  const std::string sampled = "ema:sample=1/4";
  State one(64, at::kCPU, "batch");
  State two(64, at::kCPU, "batch");
  State next_one(64, at::kCPU, sampled);
  State next_two(64, at::kCPU, sampled);
  const auto both = [&](const at::Tensor& x, Defers defers, State& s, State& next) {
    const Unfinished y = first.run(GetParam(), finished(x), {}, "batch", s, kRelu6, defers);
    return std::get<0>(second.run(GetParam(), y, {kRelu6, &first}, sampled, next, {}, Defers::kNothing));
  };
  for (int image = 0; image < 3; ++image) {
    const at::Tensor x = at::randn({1, 16, 363, 362});
    expect_close(both(x, Defers::kConvolution, one, next_one), both(x, Defers::kNothing, two, next_two), 1e-5);
  }
}

TEST_P(Expansion, OfImagesSmallerThanTheKernelSaysSo) {
  const Layer first(16, 64, 1, 1);
  Layer second(64, 64, 3, 64);
  second.convolution = c10::make_intrusive<PackedConvolution>(
      ConvolutionOptions{at::randn({64, 1, 3, 3}), c10::nullopt, {1, 1}, {0, 0}, {1, 1}, 64});
  for (const auto& sides : {std::vector<std::int64_t>{2, 66000}, {66000, 2}}) {
    State one(64, at::kCPU, "batch");
    State two(64, at::kCPU, "batch");
    const at::Tensor x = at::randn({1, 16, sides[0], sides[1]});
    const Unfinished y = first.run(GetParam(), finished(x), {}, "batch", one, kRelu6, Defers::kConvolution);
    EXPECT_THROW(second.run(GetParam(), y, {kRelu6, &first}, "batch", two, {}, Defers::kNothing), c10::Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Sites, Expansion, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Norm" : "Restandardize"; });

/// A layer with a residual whose output others take after the 1x1 convolution that normalises it.
class Finished : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { at::manual_seed(10); }

  /// Returns whether the first has left its normalisation to the second.
  bool compare(const std::string& rule, const std::string& second_rule, const Layer& second, const at::Tensor& x,
               const c10::optional<at::Tensor>& residual) const {
    const bool norm = GetParam();
    const Layer first(32, 40, 3, 1);
    State first_plain(40, at::kCPU, rule);
    State first_left(40, at::kCPU, rule);
    State second_plain(second.channels, at::kCPU, second_rule);
    State second_left(second.channels, at::kCPU, second_rule);
    const Unfinished y = first.run(norm, finished(x), {}, rule, first_plain, kRelu6, Defers::kNothing, residual);
    const Unfinished z = second.run(norm, y, {}, second_rule, second_plain, {}, Defers::kNothing);
    const Unfinished left =
        first.run(norm, finished(x), {}, rule, first_left, kRelu6, Defers::kNormalisation, residual);
    const bool unfinished = !is_finished(left);
    const at::Tensor before = residual ? residual->clone() : at::Tensor();
    const Unfinished found =
        second.run(norm, left, {kRelu6, nullptr, residual, true}, second_rule, second_left, {}, Defers::kNothing);
    EXPECT_TRUE(is_finished(found));
    expect_close(std::get<0>(found), std::get<0>(z), 1e-5);
    EXPECT_TRUE(std::get<4>(found).has_value());
    if (std::get<4>(found)) {
      expect_close(*std::get<4>(found), std::get<0>(y), 1e-6);
    }
    EXPECT_TRUE(!residual || residual->equal(before)) << "the residual is somebody else's";
    expect_close(first_left, first_plain);
    expect_close(second_left, second_plain);
    return unfinished;
  }
};

at::Tensor in_channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

TEST_P(Finished, IsWhatOthersTake) {
  const at::Tensor x = at::randn({3, 32, 17, 15});
  const at::Tensor residual = in_channels_last(at::randn({3, 40, 17, 15}));
  for (const Layer& second : {Layer(40, 24, 1, 1), Layer(40, 40, 3, 40), Layer(40, 8, 3, 1), Layer(40, 9000, 1, 1)}) {
    for (const char* rule : {"batch", "ema", "auto"}) {
      EXPECT_TRUE(compare(rule, rule, second, x, residual)) << rule;
      EXPECT_TRUE(compare(rule, rule, second, x, c10::nullopt)) << rule;
    }
  }
}

TEST_P(Finished, IsFinishedWhereTheNextIsKnownAhead) {
  const at::Tensor residual = in_channels_last(at::randn({1, 40, 9, 7}));
  EXPECT_TRUE(compare("batch", "ema:sample=1/4", Layer(40, 24, 1, 1), at::randn({1, 32, 9, 7}), residual));
}

TEST_P(Finished, ResidualsThatLieDifferentlyAreAddedAtOnce) {
  const Layer second(40, 24, 1, 1);
  const at::Tensor x = at::randn({3, 32, 9, 7});
  EXPECT_FALSE(compare("batch", "batch", second, x, at::randn({3, 40, 9, 7})));
  EXPECT_FALSE(compare("batch", "batch", second, x, at::randn({3, 40, 1, 1})));
  EXPECT_FALSE(compare("batch", "batch", second, x, in_channels_last(at::randn({3, 40, 9, 7})).to(at::kDouble)));
}

INSTANTIATE_TEST_SUITE_P(Sites, Finished, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Norm" : "Restandardize"; });

TEST(JoinedOperators, RefuseHalfOfWhatIsUnfinished) {
  at::manual_seed(11);
  const Layer layer(32, 32, 3, 32);
  State state(32, at::kCPU, "batch");
  const at::Tensor x = at::randn({2, 32, 5, 5});
  const Unfinished half{x, at::zeros({32}, at::kDouble), c10::nullopt, c10::nullopt, c10::nullopt};
  EXPECT_THROW(layer.run(true, half, {}, "batch", state, {}, Defers::kNothing), c10::Error);
  EXPECT_THROW(layer.run(true, finished(x), {}, "batch", state, {}, static_cast<Defers>(3)), c10::Error);
}

INSTANTIATE_TEST_SUITE_P(
    Layers, Deferred,
    ::testing::Combine(
        ::testing::Values(
            Pair{"DepthwiseThenPointwise", [] { return Layer(32, 32, 3, 32); }, [] { return Layer(32, 16, 1, 1); }},
            Pair{"PointwiseThenDepthwise", [] { return Layer(32, 40, 1, 1); }, [] { return Layer(40, 40, 3, 40); }},
            Pair{"DenseThenPointwise", [] { return Layer(32, 24, 3, 1); }, [] { return Layer(24, 48, 1, 1); }},
            Pair{"DepthwiseThenDense", [] { return Layer(32, 32, 5, 32); }, [] { return Layer(32, 8, 3, 1); }}),
        ::testing::Bool()),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) + (std::get<1>(test.param) ? "_Norm" : "_Restandardize");
    });

}  // namespace
}  // namespace ttscale::ops
