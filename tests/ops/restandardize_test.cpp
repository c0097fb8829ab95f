// SPDX-License-Identifier: MIT
// restandardize against a slow float64 formula, and against the BatchNorm that was folded away.
#include "ops/restandardize.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/norm.h"
#include "ops/support.h"
#include "ttscale/error.h"

namespace ttscale::ops {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

at::Tensor wide(const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); }

/// Through the dispatcher, as graphs and Python call it.
at::Tensor call(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& var, const at::Tensor& eps,
                const std::string& rule, State& state) {
  link_operators();
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow(kRestandardizeOperator, "").typed<decltype(restandardize)>();
  return op.call(x, mean, var, eps, rule, state.running, state.counters, state.last, state.stream);
}

/// Reference moments of a site.
struct Site {
  at::Tensor mean, var, eps;
  explicit Site(std::int64_t channels, at::Device device = at::kCPU)
      : mean(at::randn({channels}, at::kDouble).to(device)),
        var((at::rand({channels}, at::kDouble) + 0.5).to(device)),
        eps(at::full({channels}, 1e-3, at::kDouble).to(device)) {}
  at::Tensor run(const at::Tensor& x, const std::string& rule, State& state) const {
    return call(x, mean, var, eps, rule, state);
  }
};

/// Mean and variance of one channel.
struct Channel {
  double mean = 0;
  double var = 0;
};

/// Two passes over all values that a channel has in a batch, a value at a time.
Channel slow_moments(const at::Tensor& x, std::int64_t channel, bool unbiased) {
  const at::Tensor values = wide(x).select(1, channel).contiguous();
  const double* v = values.data_ptr<double>();
  const auto n = static_cast<double>(values.numel());
  Channel out;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    out.mean += v[i] / n;
  }
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    out.var += (v[i] - out.mean) * (v[i] - out.mean) / (unbiased ? n - 1 : n);
  }
  return out;
}

/// y = (x - m) sqrt((source_var + eps) / (v + eps)) + source_mean, with (m, v) per channel.
template <typename Used>
void expect_formula(const at::Tensor& y, const at::Tensor& x, const Site& site, double tolerance, Used used) {
  ASSERT_EQ(y.sizes(), x.sizes());
  EXPECT_EQ(y.scalar_type(), x.scalar_type());
  EXPECT_EQ(y.strides(), x.strides());
  for (std::int64_t c = 0; c < x.size(1); ++c) {
    const Channel m = used(c);
    const auto of = [c](const at::Tensor& t) { return wide(t)[c].item<double>(); };
    const double scale = std::sqrt((of(site.var) + of(site.eps)) / (m.var + of(site.eps)));
    const at::Tensor want = (wide(x).select(1, c) - m.mean) * scale + of(site.mean);
    const at::Tensor error = (wide(y).select(1, c) - want).abs() / want.abs().clamp_min(1);
    EXPECT_LE(error.max().item<double>(), tolerance) << "channel " << c << " of " << x.sizes();
  }
}

/// A dtype and the relative error that it allows.
struct Type {
  at::ScalarType dtype;
  double tolerance;
};

class Restandardize : public ::testing::TestWithParam<std::tuple<at::Device, Type, at::MemoryFormat>> {
 protected:
  void SetUp() override { at::manual_seed(12); }
  at::Device device() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()).dtype; }
  double tolerance() const { return std::get<1>(GetParam()).tolerance; }

  at::Tensor activations(at::IntArrayRef shape, double mean = 2, double spread = 0.7) const {
    const at::Tensor x = (at::randn(shape, at::kDouble) * spread + mean).to(device(), dtype());
    return shape.size() == 4 ? x.contiguous(std::get<2>(GetParam())) : x;
  }
  const std::vector<std::vector<std::int64_t>> shapes_{{5, 6, 7, 3}, {1, 6, 4, 4}, {16, 6}, {3, 6, 11}};
};

TEST_P(Restandardize, BatchEqualsTheFormula) {
  for (const auto& shape : shapes_) {
    const at::Tensor x = activations(shape);
    const Site site(6, device());
    State state(6, device());
    expect_formula(site.run(x, "batch", state), x, site, tolerance(),
                   [&](std::int64_t c) { return slow_moments(x, c, false); });
  }
}

TEST_P(Restandardize, PriorEqualsTheFormula) {
  constexpr double kCount = 4;
  for (const auto& shape : shapes_) {
    const at::Tensor x = activations(shape);
    const Site site(6, device());
    State state(6, device());
    const auto n = static_cast<double>(shape[0]);
    expect_formula(site.run(x, "prior:count=4", state), x, site, tolerance(), [&](std::int64_t c) {
      const Channel b = slow_moments(x, c, true);
      return Channel{(kCount * wide(site.mean)[c].item<double>() + n * b.mean) / (kCount + n),
                     (kCount * wide(site.var)[c].item<double>() + n * b.var) / (kCount + n)};
    });
  }
}

TEST_P(Restandardize, EmaEqualsTheFormulaBatchByBatch) {
  constexpr double kMomentum = 0.25;
  const Site site(6, device());
  State state(6, device());
  std::vector<Channel> running;
  for (std::int64_t c = 0; c < 6; ++c) {
    running.push_back({wide(site.mean)[c].item<double>(), wide(site.var)[c].item<double>()});
  }
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor x = activations({4, 6, 5, 5}, batch);
    expect_formula(site.run(x, "ema:momentum=0.25", state), x, site, tolerance(), [&](std::int64_t c) {
      const Channel b = slow_moments(x, c, true);
      Channel& r = running[static_cast<std::size_t>(c)];
      r = {(1 - kMomentum) * r.mean + kMomentum * b.mean, (1 - kMomentum) * r.var + kMomentum * b.var};
      return r;
    });
    EXPECT_EQ(state.counters[0].item<double>(), 4 * (batch + 1));
    EXPECT_EQ(state.counters[1].item<double>(), batch + 1);
  }
}

TEST_P(Restandardize, SourceGivesTheVeryBits) {
  for (const auto& shape : shapes_) {
    const at::Tensor x = activations(shape);
    const Site site(6, device());
    State state(6, device());
    const at::Tensor y = site.run(x, "source", state);
    EXPECT_TRUE(y.equal(x));
    EXPECT_EQ(y.strides(), x.strides());
    EXPECT_EQ(state.counters[0].item<double>(), static_cast<double>(shape[0]));
    EXPECT_EQ(state.counters[1].item<double>(), 1);
    EXPECT_EQ(state.last.abs().max().item<double>(), 0) << "source measures nothing";
  }
}

TEST_P(Restandardize, AChannelWithoutVarianceInTheReferencePassesThrough) {
  Site site(6, device());
  site.var[2] = 0;
  site.eps[2] = 0;
  for (const char* rule : {"batch", "prior:count=1", "ema:momentum=1", "cumulative"}) {
    const at::Tensor x = activations({5, 6, 4, 4});
    State state(6, device());
    const at::Tensor y = site.run(x, rule, state);
    // (x - m) + m: equal up to the rounding of one subtraction.
    EXPECT_LE((wide(y).select(1, 2) - wide(x).select(1, 2)).abs().max().item<double>(), 8 * tolerance()) << rule;
    EXPECT_GT((wide(y).select(1, 1) - wide(x).select(1, 1)).abs().max().item<double>(), 0.1) << rule;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Restandardize,
                         ::testing::Combine(::testing::ValuesIn(devices()),
                                            ::testing::Values(Type{at::kFloat, 4e-6}, Type{at::kDouble, 1e-13},
                                                              Type{at::kBFloat16, 8e-3}, Type{at::kHalf, 1e-3}),
                                            ::testing::Values(at::MemoryFormat::Contiguous,
                                                              at::MemoryFormat::ChannelsLast)),
                         [](const auto& test) {
                           return c10::str(std::get<0>(test.param).type(), "_", std::get<1>(test.param).dtype, "_",
                                           std::get<2>(test.param) == at::MemoryFormat::Contiguous ? "NCHW" : "NHWC");
                         });

// --- the BatchNorm that was folded away ------------------------------------------------------------------------------

/// A convolution and a BatchNorm with weights of either sign, and the convolution that both become.
struct Folding {
  at::Tensor filter = at::randn({6, 3, 3, 3}, at::kDouble);
  at::Tensor gamma = at::randn({6}, at::kDouble);
  at::Tensor beta = at::randn({6}, at::kDouble);
  at::Tensor mean = at::randn({6}, at::kDouble);
  at::Tensor var = at::rand({6}, at::kDouble) * 4 + 0.5;
  double eps = 1e-3;

  at::Tensor a() const { return gamma / (var + eps).sqrt(); }
  at::Tensor convolution(const at::Tensor& x) const { return at::conv2d(x, filter); }
  at::Tensor folded(const at::Tensor& x) const {
    return at::conv2d(x, filter * a().view({6, 1, 1, 1}), beta - a() * mean);
  }
};

class FoldedBatchNorm : public ::testing::TestWithParam<std::string> {};

TEST_P(FoldedBatchNorm, IsBroughtBackExactly) {
  at::manual_seed(13);
  const Folding f;
  const at::Tensor a2 = f.a().square();
  State unfolded(6, at::kCPU, GetParam());
  State folded(6, at::kCPU, GetParam());
  for (int batch = 0; batch < 4; ++batch) {  // of different sizes and shifts, so that no two rules agree
    const at::Tensor x = at::randn({1 + 2 * batch, 3, 6, 6}, at::kDouble) * (0.5 + batch) + 0.3 * batch;
    const at::Tensor want = norm(f.convolution(x), f.gamma, f.beta, f.mean, f.var, f.eps, GetParam(), unfolded.running,
                                 unfolded.counters, unfolded.last, unfolded.stream);
    const at::Tensor y = call(f.folded(x), f.beta, a2 * f.var, a2 * f.eps, GetParam(), folded);
    EXPECT_LE((y - want).abs().max().item<double>(), 1e-11 * want.abs().max().item<double>()) << "batch " << batch;
  }
  EXPECT_TRUE(folded.counters.allclose(unfolded.counters, 1e-9, 1e-9));
  // The state is that of the BatchNorm seen through its scale.
  EXPECT_TRUE(folded.running[1].allclose(unfolded.running[1] * a2, 1e-11, 1e-13));
}

std::vector<std::string> all_rules() {
  std::vector<std::string> out{"source", "batch", "batch:variance=unbiased"};
  for (const std::string rule :
       {"prior:count=3", "alpha:weight=0.3", "ema:momentum=0.3", "cumulative:count=2", "dua"}) {
    for (const std::string variance : {"", "variance=biased"}) {
      for (const std::string mixing : {"", "mixing=total"}) {
        std::string text = rule;
        for (const std::string& field : {variance, mixing}) {
          if (!field.empty()) {
            text += (text.find(':') == std::string::npos ? ":" : ",") + field;
          }
        }
        out.push_back(text);
      }
    }
  }
  for (const char* rule : {"ema:order=use-update", "cumulative:order=use-update", "dua:order=use-update"}) {
    out.emplace_back(rule);
  }
  // The presets, but for unmixtns, which is not equivariant, and for published variants that are not.
  for (const char* rule : {"iabn:k=0.5", "iabn:published,k=0.5", "rbn", "tbr", "tbr:published", "adamixbn", "medbn",
                           "mixnorm", "mixnorm:published", "tema", "ttn"}) {
    out.emplace_back(rule);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Rules, FoldedBatchNorm, ::testing::ValuesIn(all_rules()), [](const auto& test) {
  std::string name = test.param;
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
});

// --- what must not go wrong ------------------------------------------------------------------------------------------

class Restandardized : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(14); }
  const Site site_{4};
  State state_{4, at::kCPU};
  const at::Tensor x_ = at::randn({3, 4, 5, 5});
};

TEST_F(Restandardized, ADeadChannelIsNotAmplified) {
  at::Tensor x = at::randn({8, 4, 6, 6});
  x.select(1, 1).copy_(1e-4 * at::randn({8, 6, 6}));
  const at::Tensor y = site_.run(x, "batch", state_);
  EXPECT_LT(y.select(1, 1).std().item<double>(), 1.1e-4);
  EXPECT_NEAR(y.select(1, 1).mean().item<double>(), site_.mean[1].item<double>(), 1e-4);
  EXPECT_NEAR(y.select(1, 0).std().item<double>(), std::sqrt(site_.var[0].item<double>()), 0.1);
}

TEST_F(Restandardized, ANanImageLeavesTheStateUntouchedAndTheOthersFinite) {
  at::Tensor bad = x_.clone();
  bad[1][2][3][3] = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor good = at::stack({x_[0], x_[2]});
  for (const char* rule : {"batch", "prior", "alpha", "ema", "cumulative", "dua", "iabn", "rbn", "tbr", "adamixbn",
                           "medbn", "mixnorm", "tema", "unmixtns", "rotta", "ttn"}) {
    State poisoned(4, at::kCPU, rule);
    State clean(4, at::kCPU, rule);
    site_.run(x_, rule, poisoned);
    site_.run(x_, rule, clean);
    State without(4, at::kCPU, rule);
    site_.run(x_, rule, without);
    const at::Tensor y = site_.run(bad, rule, poisoned);
    EXPECT_TRUE(poisoned.running.equal(clean.running)) << rule;
    EXPECT_EQ(poisoned.counters[1].item<double>(), 1) << rule;
    EXPECT_EQ(poisoned.counters[2].item<double>(), 1) << rule;
    // The finite images are treated as the batch of them alone.
    EXPECT_TRUE(at::stack({y[0], y[2]}).equal(site_.run(good, rule, without))) << rule;
  }
}

TEST_F(Restandardized, OneImageOfOnePixelIsFinite) {
  for (const char* rule :
       {"batch", "batch:variance=unbiased", "prior", "alpha", "ema", "cumulative", "dua", "iabn", "rbn", "tbr",
        "adamixbn", "unmixtns", "medbn", "mixnorm", "tema", "tema:published", "rotta", "ttn"}) {
    State state(4, at::kCPU, rule);
    EXPECT_TRUE(site_.run(at::randn({1, 4, 1, 1}), rule, state).isfinite().all().item<bool>()) << rule;
    EXPECT_TRUE(state.running.isfinite().all().item<bool>()) << rule;
  }
}

TEST_F(Restandardized, AnEmptyBatchGivesAnEmptyResultAndNoChange) {
  for (const char* rule : {"source", "batch", "ema"}) {
    EXPECT_EQ(site_.run(at::empty({0, 4, 5, 5}), rule, state_).sizes(), at::IntArrayRef({0, 4, 5, 5}));
    EXPECT_EQ(state_.counters.abs().max().item<double>(), 0);
  }
}

TEST_F(Restandardized, NothingButTheStateIsWritten) {
  const at::Tensor x = x_.clone();
  const std::vector<at::Tensor> before{site_.mean.clone(), site_.var.clone(), site_.eps.clone()};
  site_.run(x, "ema", state_);
  EXPECT_TRUE(x.equal(x_) && site_.mean.equal(before[0]) && site_.var.equal(before[1]) && site_.eps.equal(before[2]));
}

TEST_F(Restandardized, MkldnnTensorsGoInAndOut) {
  if (!at::hasMKLDNN()) {
    GTEST_SKIP() << "this LibTorch has no MKLDNN";
  }
  for (const char* rule : {"source", "batch", "prior", "ema"}) {
    State blocked(4, at::kCPU);
    State dense(4, at::kCPU);
    const at::Tensor y = site_.run(x_.to_mkldnn(), rule, blocked);
    ASSERT_TRUE(y.is_mkldnn()) << rule;
    EXPECT_TRUE(y.to_dense().equal(site_.run(x_, rule, dense))) << rule;
    EXPECT_TRUE(blocked.running.equal(dense.running)) << rule;
  }
}

TEST_F(Restandardized, RunsUnderInferenceModeAndGrad) {
  const at::Tensor want = site_.run(x_, "batch", state_);
  {
    const c10::InferenceMode guard;
    EXPECT_TRUE(site_.run(x_, "batch", state_).equal(want));
    EXPECT_TRUE(site_.run(at::randn({2, 4, 3, 3}), "source", state_).is_inference());
  }
  EXPECT_TRUE(site_.run(x_.clone().requires_grad_(), "batch", state_).equal(want));
  EXPECT_EQ(state_.counters[1].item<double>(), 4);
}

TEST_F(Restandardized, BackwardSaysThatItIsNotImplemented) {
  const at::Tensor y = site_.run(x_.clone().requires_grad_(), "batch", state_);
  EXPECT_ANY_THROW(y.sum().backward());
}

TEST_F(Restandardized, MetaTensorsGiveShapes) {
  const auto meta = [](at::IntArrayRef shape, at::ScalarType type) {
    return at::empty(shape, at::TensorOptions().dtype(type).device(at::kMeta));
  };
  State state(4, at::kMeta);
  const at::Tensor c = meta({4}, at::kDouble);
  for (const char* rule : {"source", "batch", "ema"}) {
    const at::Tensor x = meta({2, 4, 6, 5}, at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor y = call(x, c, c, c, rule, state);
    EXPECT_TRUE(y.is_meta());
    EXPECT_EQ(y.sizes(), x.sizes());
    EXPECT_EQ(y.strides(), x.strides());
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  }
  EXPECT_THAT(torch_error([&] {
                call(meta({2, 5, 6, 6}, at::kFloat), c, c, c, "batch", state);
              }),
              HasSubstr("5 channels"));
}

TEST_F(Restandardized, ThePositionsOfItsArgumentsAreThoseOfTheSchema) {
  link_operators();
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(kRestandardizeOperator, "").schema();
  const std::vector<std::pair<RestandardizeInput, const char*>> positions{{kRestandardizeX, "x"},
                                                                          {kRestandardizeSourceMean, "source_mean"},
                                                                          {kRestandardizeSourceVar, "source_var"},
                                                                          {kRestandardizeEps, "eps"},
                                                                          {kRestandardizeRule, "rule"},
                                                                          {kRestandardizeRunning, "running"},
                                                                          {kRestandardizeCounters, "counters"},
                                                                          {kRestandardizeLast, "last"},
                                                                          {kRestandardizeStream, "stream"}};
  EXPECT_EQ(schema.arguments().size(), static_cast<std::size_t>(kRestandardizeInputs));
  for (const auto& [position, name] : positions) {
    EXPECT_EQ(schema.arguments().at(position).name(), name);
  }
}

TEST_F(Restandardized, TheSchemaDeclaresItsStateAsWrittenAndItsResultAsAView) {
  link_operators();
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(kRestandardizeOperator, "").schema();
  for (const auto& argument : schema.arguments()) {
    const std::set<std::string> names{"running", "counters", "last", "stream"};
    const bool state = names.count(argument.name()) > 0;
    EXPECT_EQ(argument.alias_info() != nullptr && argument.alias_info()->isWrite(), state) << argument.name();
  }
  // Under `source` the result is x: without this a pass could take them for two tensors.
  ASSERT_NE(schema.returns().at(0).alias_info(), nullptr);
  EXPECT_EQ(schema.returns()[0].alias_info()->beforeSets(), schema.arguments()[0].alias_info()->beforeSets());
}

TEST_F(Restandardized, SaysWhatDoesNotFit) {
  const auto error = [&](const at::Tensor& x, const Site& site, State& state) {
    const std::string message = torch_error([&] { site.run(x, "batch", state); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  };
  EXPECT_THAT(error(at::ones({2, 5, 3, 3}), site_, state_), AllOf(HasSubstr("source_mean"), HasSubstr("5 channels")));
  EXPECT_THAT(error(at::ones({4}), site_, state_), HasSubstr("[N, C, ...]"));
  EXPECT_THAT(error(at::ones({2, 4, 3, 3}, at::kInt), site_, state_), HasSubstr("float32, float64"));
  EXPECT_THAT(error(at::ones({2, 4, 3, 3}).to_sparse(), site_, state_), HasSubstr("strided"));
  State small(3, at::kCPU);
  EXPECT_THAT(error(x_, site_, small), HasSubstr("state running"));
  for (const auto& [name, field] :
       {std::pair{"source_mean", &Site::mean}, std::pair{"source_var", &Site::var}, std::pair{"eps", &Site::eps}}) {
    Site single = site_;
    single.*field = (single.*field).to(at::kFloat);
    EXPECT_THAT(error(x_, single, state_),
                AllOf(HasSubstr(std::string("expected ") + name + " of float64"), HasSubstr("ttscale::restandardize")));
    Site shorter = site_;
    shorter.*field = (shorter.*field).narrow(0, 0, 3);
    EXPECT_THAT(error(x_, shorter, state_), AllOf(HasSubstr(name), HasSubstr("4 channels"), HasSubstr("found [3]")));
  }
  EXPECT_EQ(state_.counters.abs().max().item<double>(), 0);
}

TEST_F(Restandardized, AnEpsOfTheRuleAndUnknownRulesAreUsageErrors) {
  for (const char* rule : {"batch:eps=1e-5", "prior:eps=0.1", "ema:eps=1e-3"}) {
    try {
      site_.run(x_, rule, state_);
      ADD_FAILURE() << rule;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(rule), HasSubstr("leave eps out")));
    }
  }
  EXPECT_THROW(site_.run(x_, "tent", state_), UsageError);
  EXPECT_EQ(state_.counters.abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace ttscale::ops
