// SPDX-License-Identifier: MIT
// moments, affine and norm against slow float64 versions: every dtype, layout and device.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/affine.h"
#include "ops/forward.h"
#include "ops/moments.h"
#include "ops/norm.h"
#include "ops/support.h"
#include "ttscale/error.h"
#include "ttscale/rule.h"

namespace ttscale::ops {
namespace {

using ::testing::HasSubstr;

/// A tolerance that travels with the dtype: relative to a spread of about 1.
struct Type {
  at::ScalarType dtype;
  double tolerance;
};

class Typed : public ::testing::TestWithParam<std::tuple<at::Device, Type, at::MemoryFormat>> {
 protected:
  void SetUp() override {
    at::manual_seed(11);
    link_operators();
  }
  at::Device device() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()).dtype; }
  double tolerance() const { return std::get<1>(GetParam()).tolerance; }
  at::MemoryFormat format() const { return std::get<2>(GetParam()); }

  /// Activations in the dtype and layout under test; the reference reads them back, so that rounding to the dtype is no
  /// error.
  at::Tensor activations(at::IntArrayRef shape, double mean = 0.3, double spread = 1.5) const {
    at::Tensor x = (at::randn(shape, at::kDouble) * spread + mean).to(device(), dtype());
    return shape.size() == 4 ? x.contiguous(format()) : x;
  }
};

std::tuple<at::Tensor, at::Tensor> reference_moments(const at::Tensor& x) {
  const at::Tensor rows = x.to(at::kCPU, at::kDouble).contiguous().flatten(2);
  return {rows.mean(2), rows.var(2, /*unbiased=*/false)};
}

void expect_moments(const at::Tensor& x, double relative) {
  const auto [mean, var] = moments(x);
  const auto [want_mean, want_var] = reference_moments(x);
  const at::Tensor spread = want_var.sqrt().clamp_min(1e-30);
  EXPECT_EQ(mean.scalar_type(), at::kDouble);
  EXPECT_LE(((mean.cpu() - want_mean).abs() / spread).max().item<double>(), relative) << x.sizes() << x.strides();
  EXPECT_LE(((var.cpu() - want_var).abs() / spread.square()).max().item<double>(), relative)
      << x.sizes() << x.strides();
}

TEST_P(Typed, MomentsEqualTheReference) {
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{
           {1, 1, 1, 3}, {2, 3, 5, 7}, {3, 130, 9, 9}, {2, 64, 33, 1}, {1, 5, 90, 91}, {4, 16, 32, 32}, {1, 2, 1, 2}}) {
    expect_moments(activations(shape), 1e-5);
  }
}

TEST_P(Typed, MomentsSurviveALargeMean) {
  if (dtype() == at::kHalf || dtype() == at::kBFloat16) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  expect_moments(activations({2, 3, 200, 200}, 1000, 0.1), 1e-4);
}

TEST_P(Typed, MomentsSurviveAnOutlierInTheFirstPixel) {
  at::Tensor x = activations({2, 3, 100, 100});
  x.select(2, 0).select(2, 0).fill_(300);
  expect_moments(x, 1e-5);
}

TEST_P(Typed, MomentsOfConstantsAreExact) {
  const auto [mean, var] = moments(activations({2, 3, 50, 50}, 0.5, 0));
  EXPECT_TRUE(mean.cpu().equal(at::full({2, 3}, 0.5, at::kDouble)));
  EXPECT_TRUE(var.cpu().equal(at::zeros({2, 3}, at::kDouble)));
}

TEST_P(Typed, OneValuePerChannelHasNoVariance) {
  const at::Tensor x = activations({4, 6, 1, 1});
  const auto [mean, var] = moments(x);
  EXPECT_TRUE(mean.cpu().equal(x.cpu().to(at::kDouble).flatten(1)));
  EXPECT_EQ(var.abs().max().item<double>(), 0);
}

TEST_P(Typed, NanAndInfStayInTheirImage) {
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    at::Tensor x = activations({3, 4, 40, 60});
    x[1][2][33][5] = poison;
    const auto [mean, var] = moments(x);
    const at::Tensor finite = mean.isfinite().logical_and(var.isfinite()).cpu();
    EXPECT_FALSE(finite[1][2].item<bool>());
    EXPECT_EQ(finite.sum().item<std::int64_t>(), 11);
  }
}

TEST_P(Typed, OtherDimensionsAndViews) {
  expect_moments(activations({7, 5, 40}), 1e-5);
  expect_moments(activations({2, 5, 3, 4, 6}), 1e-5);
  expect_moments(activations({2, 5, 3, 4, 6}).contiguous(at::MemoryFormat::ChannelsLast3d), 1e-5);
  expect_moments(activations({4, 6, 20, 20}).slice(3, 2, 17), 1e-5);
  expect_moments(activations({4, 6, 20, 20}).slice(1, 1, 5), 1e-5);
  expect_moments(activations({4, 6, 20, 20}).transpose(2, 3), 1e-5);
}

void expect_affine(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift,
                   double tolerance) {
  const at::Tensor y = affine(x, center.to(x.device()), scale.to(x.device()), shift.to(x.device()));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = x.size(1);
  shape[0] = center.dim() == 2 ? x.size(0) : 1;
  const at::Tensor want = (x.to(at::kCPU, at::kDouble) - center.view(shape)) * scale.view(shape) + shift.view(shape);
  EXPECT_EQ(y.scalar_type(), x.scalar_type());
  EXPECT_LE(((y.cpu().to(at::kDouble) - want).abs() / want.abs().clamp_min(1)).max().item<double>(), tolerance)
      << x.sizes();
  if (x.is_non_overlapping_and_dense()) {
    EXPECT_EQ(y.strides(), x.strides());
  }
}

TEST_P(Typed, AffineEqualsTheReferencePerChannelAndPerImage) {
  for (const auto& shape :
       std::vector<std::vector<std::int64_t>>{{2, 3, 5, 7}, {3, 70, 9, 9}, {4, 6, 1, 1}, {1, 1, 3, 1}}) {
    const at::Tensor x = activations(shape);
    for (const auto& size : std::vector<std::vector<std::int64_t>>{{shape[1]}, {shape[0], shape[1]}}) {
      expect_affine(x, at::randn(size, at::kDouble), at::randn(size, at::kDouble), at::randn(size, at::kDouble),
                    tolerance());
    }
  }
}

TEST_P(Typed, AffineKeepsDigitsNearALargeCenter) {
  if (dtype() == at::kHalf || dtype() == at::kBFloat16) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  const at::Tensor center = at::full({3}, 1000.0001, at::kDouble);
  expect_affine(activations({2, 3, 20, 20}, 1000, 0.1), center, at::full({3}, 10.0, at::kDouble),
                at::zeros({3}, at::kDouble), 1e-6);
}

struct Layer {
  at::Tensor weight, bias, mean, var;
  Layer(std::int64_t channels, at::Device device, at::ScalarType dtype)
      : weight((at::rand({channels}) + 0.5).to(device, dtype)),
        bias(at::randn({channels}).to(device, dtype)),
        mean(at::randn({channels}).to(device, dtype)),
        var((at::rand({channels}) + 0.5).to(device, dtype)) {}
  at::Tensor run(const at::Tensor& x, const std::string& rule, State& state) const {
    return norm(x, weight, bias, mean, var, 1e-5, rule, state.running, state.counters, state.last, state.stream);
  }
};

TEST_P(Typed, SourceIsBitEqualToBatchNorm) {
  const at::Tensor x = activations({3, 8, 6, 6});
  // Half precision networks keep their BatchNorm in float32 under autocast, and in their own type otherwise.
  for (const at::ScalarType parameters : {at::kFloat, dtype()}) {
    if (dtype() == at::kDouble && parameters == at::kFloat) {
      continue;  // ATen has no such mixture
    }
    const Layer layer(8, device(), parameters);
    at::Tensor want;
    try {
      want = at::batch_norm(x, layer.weight, layer.bias, layer.mean, layer.var, false, 0, 1e-5, true);
    } catch (const c10::Error&) {
      continue;  // this LibTorch has no such batch_norm
    }
    State state(8, device());
    EXPECT_TRUE(layer.run(x, "source", state).equal(want));
  }
}

TEST_P(Typed, BatchEqualsTheReference) {
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{5, 8, 6, 6}, {16, 8, 1, 1}}) {
    const at::Tensor x = activations(shape, 2, 0.7);
    const Layer layer(8, device(), dtype());
    State state(8, device());
    const at::Tensor y = layer.run(x, "batch", state);
    const auto wide = [](const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); };
    const at::Tensor want = at::batch_norm(wide(x), wide(layer.weight), wide(layer.bias), {}, {}, true, 0, 1e-5, false);
    EXPECT_EQ(y.strides(), x.strides());
    EXPECT_LE((wide(y) - want).abs().max().item<double>(), 8 * tolerance());
  }
}

TEST_P(Typed, BatchSurvivesALargeMean) {
  if (dtype() == at::kHalf || dtype() == at::kBFloat16) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  const at::Tensor x = activations({4, 8, 64, 64}, 1000, 0.1);
  State state(8, device());
  const at::Tensor y = norm(x, {}, {}, at::zeros({8}, x.options().memory_format(c10::nullopt)),
                            at::ones({8}, x.options().memory_format(c10::nullopt)), 0, "batch", state.running,
                            state.counters, state.last, state.stream);
  const at::Tensor wide = x.to(at::kCPU, at::kDouble);
  const at::Tensor want = at::batch_norm(wide, {}, {}, {}, {}, true, 0, 0, false);
  EXPECT_LE((y.cpu().to(at::kDouble) - want).abs().max().item<double>(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Typed,
                         ::testing::Combine(::testing::ValuesIn(devices()),
                                            ::testing::Values(Type{at::kFloat, 1e-6}, Type{at::kDouble, 1e-13},
                                                              Type{at::kBFloat16, 8e-3}, Type{at::kHalf, 1e-3}),
                                            ::testing::Values(at::MemoryFormat::Contiguous,
                                                              at::MemoryFormat::ChannelsLast)),
                         [](const auto& test) {
                           return c10::str(std::get<0>(test.param).type(), "_", std::get<1>(test.param).dtype, "_",
                                           std::get<2>(test.param) == at::MemoryFormat::Contiguous ? "NCHW" : "NHWC");
                         });

TEST(Moments, DoNotDependOnTheNumberOfThreads) {
  const at::Tensor x = at::randn({7, 33, 60, 60});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto [mean1, var1] = moments(x);
  at::set_num_threads(4);
  const auto [mean4, var4] = moments(x);
  at::set_num_threads(before);
  EXPECT_TRUE(mean1.equal(mean4));
  EXPECT_TRUE(var1.equal(var4));
}

class Norm : public ::testing::Test {
 protected:
  const Layer layer_{4, at::kCPU, at::kFloat};
  State state_{4, at::kCPU};
  const at::Tensor x_ = at::randn({3, 4, 5, 5});
};

TEST_F(Norm, AffineParametersMayBeAbsent) {
  const at::Tensor y = norm(x_, {}, {}, layer_.mean, layer_.var, 1e-5, "batch", state_.running, state_.counters,
                            state_.last, state_.stream);
  EXPECT_TRUE(y.allclose(at::batch_norm(x_, {}, {}, {}, {}, true, 0, 1e-5, false), 1e-4, 1e-5));
}

TEST_F(Norm, LayersKeepTheirOwnEpsUnlessTheRuleSetsOne) {
  const at::Tensor tiny = x_ * 1e-3;
  const auto run = [&](double eps, const char* rule) {
    State state(4, at::kCPU);
    return norm(tiny, {}, {}, at::zeros({4}), at::full({4}, 1e-6), eps, rule, state.running, state.counters, state.last,
                state.stream);
  };
  EXPECT_TRUE(run(1e-3, "batch").allclose(at::batch_norm(tiny, {}, {}, {}, {}, true, 0, 1e-3, false), 1e-4, 1e-6));
  EXPECT_TRUE(
      run(1e-3, "batch:eps=1e-5").allclose(at::batch_norm(tiny, {}, {}, {}, {}, true, 0, 1e-5, false), 1e-4, 1e-6));
}

TEST_F(Norm, ADeadChannelIsNotAmplified) {
  const at::Tensor noise = 1e-4 * at::randn({8, 4, 6, 6});
  const at::Tensor y = norm(noise, {}, {}, at::zeros({4}), at::ones({4}), 1e-5, "batch", state_.running,
                            state_.counters, state_.last, state_.stream);
  EXPECT_LT(y.std().item<double>(), 1.1e-4);
}

TEST_F(Norm, OneImageOfOnePixelIsFinite) {
  for (const char* rule :
       {"batch", "batch:variance=unbiased", "prior", "alpha", "ema", "cumulative", "dua", "iabn", "rbn", "tbr",
        "adamixbn", "unmixtns", "medbn", "mixnorm", "tema", "tema:published", "rotta", "ttn"}) {
    State state(4, at::kCPU, rule);
    EXPECT_TRUE(layer_.run(at::randn({1, 4, 1, 1}), rule, state).isfinite().all().item<bool>()) << rule;
    EXPECT_TRUE(state.running.isfinite().all().item<bool>()) << rule;
  }
}

TEST(Presets, AreTheSameOnEveryDevice) {
  if (devices().size() < 2) {
    GTEST_SKIP() << "no CUDA device";
  }
  at::manual_seed(31);
  const Layer layer(4, at::kCPU, at::kFloat);
  for (const std::string rule : {"iabn:k=1", "rbn", "tbr", "adamixbn", "unmixtns", "medbn", "mixnorm", "tema", "ttn"}) {
    State here(4, at::kCPU, rule);
    State there(4, at::kCUDA, rule);
    for (const std::int64_t images : {5, 1, 3}) {
      const at::Tensor x = at::randn({images, 4, 6, 6}) * 2 + 1;
      begin(here.stream, rule, true);
      begin(there.stream, rule, true);
      Layer moved = layer;
      for (at::Tensor* t : {&moved.weight, &moved.bias, &moved.mean, &moved.var}) {
        *t = t->cuda();
      }
      const at::Tensor y = moved.run(x.cuda(), rule, there);
      EXPECT_TRUE(y.cpu().allclose(layer.run(x, rule, here), 1e-4, 1e-5)) << rule;
    }
    EXPECT_TRUE(there.running.cpu().allclose(here.running, 1e-5, 1e-6)) << rule;
  }
}

TEST_F(Norm, AnEmptyBatchGivesAnEmptyResultAndNoChange) {
  for (const char* rule : {"source", "batch", "ema"}) {
    EXPECT_EQ(layer_.run(at::empty({0, 4, 5, 5}), rule, state_).sizes(), at::IntArrayRef({0, 4, 5, 5}));
    EXPECT_EQ(state_.counters.abs().max().item<double>(), 0);
  }
}

TEST_F(Norm, NothingButTheStateIsWritten) {
  const Layer copy = layer_;
  const std::vector<at::Tensor> before{layer_.weight.clone(), layer_.bias.clone(), layer_.mean.clone(),
                                       layer_.var.clone(), x_.clone()};
  layer_.run(x_, "ema", state_);
  EXPECT_TRUE(copy.weight.equal(before[0]) && copy.bias.equal(before[1]) && copy.mean.equal(before[2]) &&
              copy.var.equal(before[3]) && x_.equal(before[4]));
}

TEST_F(Norm, RunsUnderInferenceModeAutocastAndGrad) {
  const at::Tensor want = layer_.run(x_, "batch", state_);
  {
    const c10::InferenceMode guard;
    EXPECT_TRUE(layer_.run(x_, "batch", state_).equal(want));
  }
  const at::Tensor with_gradient = x_.clone().requires_grad_();
  EXPECT_TRUE(layer_.run(with_gradient, "batch", state_).equal(want));
  {
    // What torch::autocast does: convolutions give bfloat16, the layer's parameters stay float32.
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false);
    const at::Tensor half = at::conv2d(x_, at::randn({4, 4, 1, 1}));
    static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(kNormOperator, "").typed<decltype(norm)>();
    const at::Tensor y = op.call(half, layer_.weight, layer_.bias, layer_.mean, layer_.var, 1e-5, "batch",
                                 state_.running, state_.counters, state_.last, state_.stream);
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true);
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  }
  EXPECT_EQ(state_.counters[1].item<double>(), 4);
}

TEST_F(Norm, MetaTensorsGiveShapes) {
  const auto meta = [](at::IntArrayRef shape, at::ScalarType type) {
    return at::empty(shape, at::TensorOptions().dtype(type).device(at::kMeta));
  };
  const State sizes(4, at::kCPU);
  at::Tensor running = meta(sizes.running.sizes(), at::kDouble);
  at::Tensor counters = meta(sizes.counters.sizes(), at::kDouble);
  at::Tensor last = meta(sizes.last.sizes(), at::kDouble);
  at::Tensor stream = meta(sizes.stream.sizes(), at::kDouble);
  const at::Tensor c = meta({4}, at::kFloat);
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(kNormOperator, "").typed<decltype(norm)>();
  for (const char* rule : {"source", "batch", "ema"}) {
    const at::Tensor y =
        op.call(meta({2, 4, 6, 6}, at::kFloat), c, c, c, c, 1e-5, rule, running, counters, last, stream);
    EXPECT_TRUE(y.is_meta());
    EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 4, 6, 6}));
  }
}

TEST_F(Norm, TheSchemaDeclaresItsStateAsWritten) {
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(kNormOperator, "").schema();
  for (const auto& argument : schema.arguments()) {
    const std::set<std::string> names{"running", "counters", "last", "stream"};
    const bool state = names.count(argument.name()) > 0;
    EXPECT_EQ(argument.alias_info() != nullptr && argument.alias_info()->isWrite(), state) << argument.name();
  }
}

TEST_F(Norm, ThePositionsOfItsArgumentsAreThoseOfTheSchema) {
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(kNormOperator, "").schema();
  const std::vector<std::pair<NormInput, const char*>> positions{{kNormX, "x"},
                                                                 {kNormWeight, "weight"},
                                                                 {kNormBias, "bias"},
                                                                 {kNormSourceMean, "source_mean"},
                                                                 {kNormSourceVar, "source_var"},
                                                                 {kNormEps, "eps"},
                                                                 {kNormRule, "rule"},
                                                                 {kNormRunning, "running"},
                                                                 {kNormCounters, "counters"},
                                                                 {kNormLast, "last"},
                                                                 {kNormStream, "stream"}};
  EXPECT_EQ(schema.arguments().size(), static_cast<std::size_t>(kNormInputs));
  for (const auto& [position, name] : positions) {
    EXPECT_EQ(schema.arguments().at(position).name(), name);
  }
}

TEST_F(Norm, BackwardSaysThatItIsNotImplemented) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(kNormOperator, "").typed<decltype(norm)>();
  const at::Tensor x = x_.clone().requires_grad_();
  const at::Tensor y = op.call(x, layer_.weight, layer_.bias, layer_.mean, layer_.var, 1e-5, "batch", state_.running,
                               state_.counters, state_.last, state_.stream);
  EXPECT_ANY_THROW(y.sum().backward());
}

TEST_F(Norm, ThreadsWithStatesOfTheirOwnDoNotMeet) {
  State alone(4, at::kCPU);
  for (int i = 0; i < 50; ++i) {
    layer_.run(x_ + i, "ema", alone);
  }
  std::vector<State> states(4, State(4, at::kCPU));
  for (auto& state : states) {
    state = State(4, at::kCPU);
  }
  std::vector<std::thread> threads;
  for (auto& state : states) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        layer_.run(x_ + i, "ema", state);
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& state : states) {
    EXPECT_TRUE(state.running.equal(alone.running));
  }
}

TEST(Operators, CheckTheirArgumentsHoweverTheyAreCalled) {
  link_operators();
  static const auto moments_op =
      c10::Dispatcher::singleton().findSchemaOrThrow("ttscale::moments", "").typed<decltype(moments)>();
  static const auto affine_op =
      c10::Dispatcher::singleton().findSchemaOrThrow("ttscale::affine", "").typed<decltype(affine)>();
  const auto c = [](std::int64_t n) { return at::ones({n}, at::kDouble); };
  EXPECT_THAT(torch_error([&] { moments_op.call(at::empty({0, 3, 4, 4})); }), HasSubstr("at least one image"));
  EXPECT_THAT(torch_error([&] { affine_op.call(at::ones({2, 64, 4, 4}), c(64), c(1), c(1)); }), HasSubstr("scale"));
  EXPECT_EQ(affine_op.call(at::empty({0, 3, 4, 4}), c(3), c(3), c(3)).numel(), 0);
}

TEST_F(Norm, AZeroEpsAndNoSpreadGiveTheBias) {
  const at::Tensor x = at::full({2, 4, 3, 3}, 0.5);
  const at::Tensor y = norm(x, {}, layer_.bias, at::zeros({4}), at::zeros({4}), 0, "batch", state_.running,
                            state_.counters, state_.last, state_.stream);
  EXPECT_TRUE(y.allclose(layer_.bias.view({1, 4, 1, 1}).expand_as(y)));
}

TEST_F(Norm, SaysWhatDoesNotFit) {
  EXPECT_THAT(torch_error([&] { layer_.run(at::ones({2, 5, 3, 3}), "batch", state_); }), HasSubstr("5 channels"));
  EXPECT_THAT(torch_error([&] { layer_.run(at::ones({4}), "batch", state_); }), HasSubstr("[N, C, ...]"));
  EXPECT_THAT(torch_error([&] {
                layer_.run(at::ones({2, 4, 3, 3}, at::kInt), "batch", state_);
              }),
              HasSubstr("float32, float64, float16 or bfloat16"));
  EXPECT_THAT(torch_error([&] {
                layer_.run(at::ones({2, 4, 3, 3}).to_sparse(), "batch", state_);
              }),
              HasSubstr("strided"));
  State small(3, at::kCPU);
  EXPECT_THAT(torch_error([&] { layer_.run(x_, "batch", small); }), HasSubstr("state running"));
  EXPECT_THROW(layer_.run(x_, "tent", state_), UsageError);
}

}  // namespace
}  // namespace ttscale::ops
