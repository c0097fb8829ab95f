// SPDX-License-Identifier: MIT
// Sites under rules that measure a part of the images, and convolutions that do the work of a site.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "base/isa.h"
#include "ops/fused.h"
#include "ops/norm.h"
#include "ops/restandardize.h"
#include "ops/support.h"
#include "stats/sampling.h"

namespace ttscale::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kChannels = 5;
constexpr double kEps = 1e-3;

struct Layer {
  at::Tensor weight = at::rand({kChannels}) + 0.5;
  at::Tensor bias = at::randn({kChannels});
  at::Tensor mean = at::randn({kChannels});
  at::Tensor var = at::rand({kChannels}) + 0.5;
  at::Tensor eps = at::full({kChannels}, kEps, at::kDouble);

  at::Tensor norm(const at::Tensor& x, const std::string& rule, State& state) const {
    return ops::norm(x, weight, bias, mean, var, kEps, rule, state.running, state.counters, state.last, state.stream);
  }
  at::Tensor restandardize(const at::Tensor& x, const std::string& rule, State& state) const {
    return ops::restandardize(x, mean.to(at::kDouble), var.to(at::kDouble), eps, rule, state.running, state.counters,
                              state.last, state.stream);
  }
};

struct Moments {
  at::Tensor mean, var;
};

/// By ATen, over images and pixels; with the spread between images as expected of `of` of them.
Moments moments_of(const at::Tensor& x, double of) {
  const at::Tensor each = x.to(at::kDouble).flatten(2);
  const auto count = static_cast<double>(x.size(0));
  const at::Tensor between = each.mean(2).var(0, /*unbiased=*/true) * ((of - 1) / of);
  return {each.mean(2).mean(0), each.var(2, false).mean(0) + (count > 1 ? between : at::zeros_like(between))};
}

at::Tensor normalised(const at::Tensor& x, const Moments& m, const Layer& layer) {
  const auto row = [](const at::Tensor& t) { return t.to(at::kDouble).view({1, -1, 1, 1}); };
  return (x.to(at::kDouble) - row(m.mean)) / (row(m.var) + kEps).sqrt() * row(layer.weight) + row(layer.bias);
}

TEST(SampledNorm, FollowsTheFormula) {
  at::manual_seed(1);
  const Layer layer;
  for (const bool lags : {false, true}) {
    const std::string rule = std::string("alpha:weight=0.5,variance=biased,sample=1/4") + (lags ? ",lag=1" : "");
    State state(kChannels, at::kCPU, rule);
    const Moments source{layer.mean.to(at::kDouble), layer.var.to(at::kDouble)};
    Moments known = source;
    for (std::int64_t batch = 0; batch < 5; ++batch) {
      const at::Tensor x = at::randn({8, kChannels, 3, 4}) + at::randn({8, kChannels, 1, 1}) + 1;
      const std::int64_t first = 2 * (batch % 4);
      const Moments seen = moments_of(x.narrow(0, first, 2), 8);
      const Moments used{(source.mean + seen.mean) / 2, (source.var + seen.var) / 2};
      at::Tensor want = normalised(x, lags ? known : used, layer);
      want.narrow(0, first, 2).copy_(normalised(x.narrow(0, first, 2), used, layer));
      EXPECT_TRUE(layer.norm(x, rule, state).to(at::kDouble).allclose(want, 1e-5, 1e-5)) << rule << batch;
      known = used;
    }
  }
}

TEST(SampledNorm, SmallBatchesWaitForTheirTurn) {
  at::manual_seed(2);
  const Layer layer;
  const std::string rule = "ema:momentum=0.5,variance=biased,sample=1/3";
  State state(kChannels, at::kCPU, rule);
  Moments running{layer.mean.to(at::kDouble), layer.var.to(at::kDouble)};
  for (int batch = 0; batch < 7; ++batch) {
    const at::Tensor x = at::randn({1, kChannels, 4, 4}) * 2 + 1;
    if (batch % 3 == 0) {
      const Moments seen = moments_of(x, 1);
      running = {(running.mean + seen.mean) / 2, (running.var + seen.var) / 2};
    }
    EXPECT_TRUE(layer.norm(x, rule, state).to(at::kDouble).allclose(normalised(x, running, layer), 1e-5, 1e-5))
        << batch;
  }
  EXPECT_EQ(state.counters[0].item<double>(), 3);  // measured
  EXPECT_EQ(state.counters[3].item<double>(), 7);  // offered
}

TEST(SampledNorm, ABadImageInTheSampleIsNoneElsewhereIsNotSeen) {
  at::manual_seed(3);
  const Layer layer;
  const std::string rule = "ema:sample=1/2";
  State state(kChannels, at::kCPU, rule);
  at::Tensor x = at::randn({4, kChannels, 4, 4});
  x[3].fill_(kInfinity);  // the first sample is 0 and 1
  layer.norm(x, rule, state);
  EXPECT_EQ(state.counters[2].item<double>(), 0);
  layer.norm(x, rule, state);
  EXPECT_EQ(state.counters[2].item<double>(), 1);
  EXPECT_TRUE(state.running.isfinite().all().item<bool>());
}

struct Convolution {
  const char* name;
  std::int64_t in, kernel, stride, groups;
  at::ScalarType dtype;
};

class Joined : public ::testing::TestWithParam<Convolution> {
 protected:
  void SetUp() override {
    at::manual_seed(4);
    const Convolution& c = GetParam();
    ConvolutionOptions options{at::randn({kChannels, c.in / c.groups, c.kernel, c.kernel}).to(c.dtype),
                               {},
                               {c.stride, c.stride},
                               {c.kernel / 2, c.kernel / 2},
                               {1, 1},
                               c.groups};
    options.bias = at::randn({kChannels}).to(c.dtype);
    if (c.dtype == at::kDouble) {  // else layers of float32 go with all
      for (at::Tensor* t : {&layer_.weight, &layer_.bias, &layer_.mean, &layer_.var}) {
        *t = t->to(c.dtype);
      }
    }
    packed_ = c10::make_intrusive<PackedConvolution>(options);
  }

  at::Tensor joined(const at::Tensor& x, bool norm, const std::string& rule, State& s,
                    const c10::optional<at::Tensor>& residual, const Activation& f, bool overwrites) {
    const at::Tensor mean = layer_.mean.to(at::kDouble);
    const at::Tensor var = layer_.var.to(at::kDouble);
    const c10::optional<at::Tensor> none;
    return std::get<0>(
        norm ? convolution_norm(x, packed_, layer_.weight, layer_.bias, layer_.mean, layer_.var, kEps, rule, s.running,
                                s.counters, s.last, s.stream, residual, to_string(f.function), f.a, f.b, overwrites,
                                true, none, none, none, "clamp", 0, 0, c10::nullopt, c10::nullopt, false, 0)
             : convolution_restandardize(x, packed_, mean, var, layer_.eps, rule, s.running, s.counters, s.last,
                                         s.stream, residual, to_string(f.function), f.a, f.b, overwrites, true, none,
                                         none, none, "clamp", 0, 0, c10::nullopt, c10::nullopt, false, 0));
  }

  /// One operator after the other.
  at::Tensor apart(const at::Tensor& x, bool norm, const std::string& rule, State& s,
                   const c10::optional<at::Tensor>& residual, const Activation& f) {
    const at::Tensor y = packed_->forward(x);
    const at::Tensor z = norm ? layer_.norm(y, rule, s) : layer_.restandardize(y, rule, s);
    return epilogue_in_tensors(z, {residual.value_or(at::Tensor()), f, false, false, true});
  }

  /// Whether the convolution can add to a residual where that lies.
  bool adds_in_place() const {
    const bool has = c10::Dispatcher::singleton().findSchema({"mkldnn::_convolution_pointwise_", "binary"}).has_value();
    return has && GetParam().dtype == at::kFloat && GetParam().groups == 1;
  }

  double tolerance() const { return GetParam().dtype == at::kBFloat16 ? 0.05 : 1e-4; }

  Layer layer_;
  c10::intrusive_ptr<PackedConvolution> packed_;
};

TEST_P(Joined, ComputesWhatTheOperatorsDo) {
  using Function = Activation::Function;
  const Convolution& c = GetParam();
  for (const Activation& f : {Activation{}, Activation{Function::kClamp, 0, kInfinity},
                              Activation{Function::kClamp, 0, 6}, Activation{Function::kLeakyRelu, 0.1, 0},
                              Activation{Function::kHardswish, 0, 0}, Activation{Function::kSilu, 0, 0}}) {
    for (const bool norm : {true, false}) {
      for (const char* rule : {"ema:sample=1/2", "ema:sample=1/2,lag=1", "batch", "source"}) {
        for (const int residuals : {0, 1, 2, 3}) {  // none; kept; overwritten; of another shape
          State one(kChannels, at::kCPU, rule);
          State two(kChannels, at::kCPU, rule);
          for (int batch = 0; batch < 4; ++batch) {  // whole batches in turn: measured, not, measured, not
            const at::Tensor x = (at::randn({1 + batch / 3, c.in, 8, 6}) + batch).to(c.dtype);
            const at::Tensor shape = packed_->forward(x);
            c10::optional<at::Tensor> residual;
            if (residuals > 0) {
              residual = residuals == 3 ? at::randn({1, kChannels, 1, 1}).to(c.dtype) : at::randn_like(shape);
            }
            const c10::optional<at::Tensor> kept = residual ? c10::make_optional(residual->clone()) : c10::nullopt;
            const at::Tensor want = apart(x, norm, rule, two, kept, f);
            const at::Tensor found = joined(x, norm, rule, one, residual, f, residuals == 2);
            ASSERT_EQ(found.sizes(), want.sizes());
            EXPECT_EQ(found.scalar_type(), want.scalar_type());
            const double most = std::max(1.0, want.abs().max().item<double>());
            EXPECT_LE((found - want).abs().max().item<double>(), tolerance() * most)
                << rule << ' ' << to_string(f.function) << ' ' << residuals << ' ' << batch << norm;
            if (residuals == 1) {
              EXPECT_TRUE(residual->equal(*kept)) << "overwritten";
            }
            const bool sampled = std::string(rule).find("sample") != std::string::npos;
            const bool relu_or_nothing = f.does_nothing() || (f.function == Function::kClamp && std::isinf(f.b));
            if (residuals == 2 && sampled && batch == 1 && adds_in_place() && relu_or_nothing) {
              EXPECT_EQ(found.data_ptr(), residual->data_ptr()) << "not overwritten";
            }
          }
          EXPECT_TRUE(one.running.allclose(two.running, 1e-9, 1e-9));
          EXPECT_TRUE(one.counters.equal(two.counters));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Convolutions, Joined,
                         ::testing::Values(Convolution{"pointwise", 7, 1, 1, 1, at::kFloat},
                                           Convolution{"strided", 6, 3, 2, 1, at::kFloat},
                                           Convolution{"depthwise", 5, 3, 1, 5, at::kFloat},
                                           Convolution{"bfloat16", 6, 3, 1, 1, at::kBFloat16},
                                           Convolution{"float64", 6, 3, 1, 1, at::kDouble}),
                         [](const auto& test) { return std::string(test.param.name); });

/// What mkldnn::_reorder_convolution_weight makes of the weight for images [2, groups * C_in, 9, 9].
at::Tensor packed(const c10::OperatorHandle& op, const at::Tensor& weight, std::int64_t groups) {
  const std::vector<std::int64_t> none{0, 0};
  const std::vector<std::int64_t> one{1, 1};
  torch::jit::Stack stack{weight, none, one, one, groups, std::vector<std::int64_t>{2, groups * weight.size(1), 9, 9}};
  op.callBoxed(stack);
  return stack.at(0).toTensor();
}

TEST(PackedChannels, AreScaledWhereTheyLie) {
  const auto op = c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_convolution_weight", ""});
  if (!op || !c10::Dispatcher::singleton().findSchema({"mkldnn::data_ptr", ""}) || available_isas().size() < 2) {
    GTEST_SKIP() << "this LibTorch, or CPU, has no packed weights to look into";
  }
  at::manual_seed(6);
  struct Weight {
    std::int64_t out, in, kernel, groups;
  };
  for (const Weight& w : {Weight{64, 64, 3, 1}, {32, 3, 7, 1}, {24, 40, 1, 1}, {32, 1, 3, 32}, {96, 16, 3, 1}}) {
    const auto pack = [&](const at::Tensor& weight) { return packed(*op, weight, w.groups); };
    const at::Tensor weight = at::randn({w.out, w.in, w.kernel, w.kernel});
    const at::Tensor base = pack(weight);
    const auto channels = PackedChannels::find(weight, base, pack);
    ASSERT_TRUE(channels.has_value()) << w.out << 'x' << w.in;
    const at::Tensor scale = at::randn({w.out});
    const at::Tensor out = pack(at::zeros_like(weight));
    ASSERT_TRUE(channels->scale(base, scale, out));
    EXPECT_TRUE(out.to_dense().equal(weight * scale.view({-1, 1, 1, 1})));
    EXPECT_TRUE(base.to_dense().equal(weight));
    EXPECT_FALSE(channels->scale(base, scale, weight)) << "no packed weight";
  }
}

TEST(PackedConvolution, FoldsAnewWhenCoefficientsChange) {
  at::manual_seed(5);
  PackedConvolution convolution({at::randn({kChannels, 4, 3, 3}), {}, {1, 1}, {1, 1}, {1, 1}, 1});
  const at::Tensor x = at::randn({2, 4, 6, 6});
  for (const double scale : {1.0, 2.0, 2.0, 0.0, -3.0, std::nan(""), kInfinity, 1.0}) {
    const Coefficients k{at::randn({kChannels}, at::kDouble), at::full({kChannels}, scale, at::kDouble),
                         at::randn({kChannels}, at::kDouble)};
    const at::Tensor want = affine_then(convolution.forward(x), k, {});
    const at::Tensor found = convolution.forward_then(x, k, {});
    EXPECT_TRUE(found.allclose(want, 1e-4, 1e-4, /*equal_nan=*/true)) << scale;
  }
}

}  // namespace
}  // namespace ttscale::ops
