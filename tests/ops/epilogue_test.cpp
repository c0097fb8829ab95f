// SPDX-License-Identifier: MIT
// What follows a normalisation in one pass: against the operators one after the other, on every instruction set.
#include "ops/epilogue.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/cpu/affine_kernel.h"
#include "ops/every_kernel.h"
#include "ops/fused.h"
#include "ops/norm.h"
#include "ops/support.h"

namespace ttscale::ops {
namespace {

using ::testing::HasSubstr;
using Function = Activation::Function;
using Shape = std::vector<std::int64_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const std::vector<Activation>& activations() {
  static const std::vector<Activation> all{{},
                                           {Function::kClamp, 0, kInfinity},
                                           {Function::kClamp, -0.5, 0.75},
                                           {Function::kLeakyRelu, 0.1, 0},
                                           {Function::kHardswish, 0, 0},
                                           {Function::kSilu, 0, 0}};
  return all;
}

/// The formulas of activation.h.
template <typename A>
A slow_activation(A x, const Activation& activation) {
  switch (activation.function) {
    case Function::kLeakyRelu:
      return x > 0 ? x : x * static_cast<A>(activation.a);
    case Function::kHardswish:
      return std::isnan(x) ? x : x * std::min(std::max(x + 3, A{0}), A{6}) / 6;
    case Function::kSilu:
      return static_cast<A>(x / (1 + std::exp(-static_cast<long double>(x))));
    case Function::kClamp:
      break;
  }
  return std::isnan(x) ? x : std::min(std::max(x, static_cast<A>(activation.a)), static_cast<A>(activation.b));
}

class Epilogues : public ::testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override { at::manual_seed(17); }
  Isa isa() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  at::Tensor laid_out(const at::Tensor& x) const { return x.to(dtype()).contiguous(std::get<2>(GetParam())); }
};

/// The same numbers without a pass of ours: affine by itself in the arithmetic of the kernel, then loops.
template <typename A>
at::Tensor slow(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue) {
  constexpr auto kType = sizeof(A) == 8 ? at::kDouble : at::kFloat;
  at::Tensor y = affine_on(Isa::kBaseline, x.to(kType).contiguous(), k.center, k.scale, k.shift);
  if (epilogue.residual.defined()) {
    y = y + epilogue.residual.to(kType);
  }
  y = y.contiguous();
  A* values = y.data_ptr<A>();
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    values[i] = slow_activation(values[i], epilogue.activation);
  }
  return y.to(x.scalar_type());
}

at::Tensor expected(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue) {
  return x.scalar_type() == at::kDouble ? slow<double>(x, k, epilogue) : slow<float>(x, k, epilogue);
}

TEST_P(Epilogues, AreTheOperatorsOneAfterTheOther) {
  for (const Shape& shape : {Shape{1, 1, 1, 1},
                             {2, 3, 1, 1},
                             {2, 3, 3, 3},
                             {3, 7, 5, 1},
                             {1, 5, 31, 1},
                             {2, 33, 7, 5},
                             {1, 17, 9, 9},
                             {2, 64, 8, 8},
                             {1, 257, 3, 11},
                             {2, 515, 2, 2},
                             {1, 2, 300, 301}}) {
    for (const bool per_image : {false, true}) {
      const Shape size = per_image ? Shape{shape[0], shape[1]} : Shape{shape[1]};
      const Coefficients k{at::randn(size, at::kDouble), at::randn(size, at::kDouble), at::randn(size, at::kDouble)};
      for (const Activation& activation : activations()) {
        for (const bool adds : {false, true}) {
          for (const bool in_place : {false, true}) {
            SCOPED_TRACE(::testing::Message()
                         << at::IntArrayRef(shape) << to_string(activation.function) << adds << in_place << per_image);
            const at::Tensor x = laid_out(at::randn(shape, at::kDouble) * 2);
            const Epilogue epilogue{adds ? laid_out(at::randn(shape, at::kDouble)) : at::Tensor(), activation,
                                    in_place};
            const at::Tensor want = expected(x, k, epilogue);
            const at::Tensor before = x.clone();
            const at::Tensor y = affine_then_on(isa(), x, k, epilogue);
            ASSERT_EQ(y.scalar_type(), x.scalar_type());
            ASSERT_EQ(y.strides(), x.strides());
            if (activation.function == Function::kSilu) {  // an exp of its own
              const double digits = dtype() == at::kDouble ? 1e-14 : dtype() == at::kFloat ? 1e-6 : 1e-2;
              ASSERT_TRUE(at::allclose(y.to(at::kDouble), want.to(at::kDouble), digits, digits * 1e-3));
            } else {
              ASSERT_TRUE(y.equal(want)) << (y - want).abs().max();
            }
            ASSERT_TRUE(in_place || x.equal(before));
            if (in_place && (std::get<2>(GetParam()) != at::MemoryFormat::Contiguous || shape[2] * shape[3] > 32)) {
              ASSERT_TRUE(y.is_same(x));
            }
          }
        }
      }
    }
  }
}

TEST_P(Epilogues, KeepNanAndInfinity) {
  const double nan = std::nan("");
  for (const Activation& activation : activations()) {
    at::Tensor x = at::tensor({nan, -nan, kInfinity, -kInfinity, 0.0, -0.0, 1e30, -1e30}, at::kDouble);
    x = laid_out(x.repeat({10}).view({1, 2, 5, 8}));
    const Coefficients k{at::zeros({2}, at::kDouble), at::ones({2}, at::kDouble), at::zeros({2}, at::kDouble)};
    const at::Tensor y = affine_then_on(isa(), x, k, {{}, activation, false});
    const at::Tensor want = expected(x, k, {{}, activation, false});
    // -Inf over Inf.
    const bool silu = activation.function == Function::kSilu;
    const at::Tensor counts = silu ? x != -kInfinity : at::ones_like(x, at::kBool);
    EXPECT_TRUE(at::allclose(y.masked_select(counts).to(at::kDouble), want.masked_select(counts).to(at::kDouble), 1e-2,
                             1e-30, /*equal_nan=*/true))
        << to_string(activation.function);
  }
}

TEST_P(Epilogues, SiluIsExactOverItsWholeRange) {
  if (dtype() == at::kHalf || dtype() == at::kBFloat16) {
    GTEST_SKIP() << "computed as float32";
  }
  const double end = dtype() == at::kDouble ? 700 : 85;
  const at::Tensor x = laid_out(at::linspace(-end, 100, 40000, at::kDouble).view({1, 4, 100, 100}));
  const Coefficients k{at::zeros({4}, at::kDouble), at::ones({4}, at::kDouble), at::zeros({4}, at::kDouble)};
  const Epilogue silu{{}, {Function::kSilu, 0, 0}, false};
  const at::Tensor want = expected(x, k, silu).to(at::kDouble);
  const at::Tensor error =
      (affine_then_on(isa(), x, k, silu).to(at::kDouble) - want).abs() / want.abs().clamp_min(1e-300);
  EXPECT_LT(error.max().item<double>(), 8 * (dtype() == at::kDouble ? 2.2e-16 : 1.2e-7));
}

INSTANTIATE_TEST_SUITE_P(EveryCpu, Epilogues, every_kernel(), kernel_name);

TEST(AffineThen, TakesResidualsThatLieOtherwise) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({2, 40, 6, 7});
  const Coefficients k{at::randn({40}, at::kDouble), at::randn({40}, at::kDouble), at::randn({40}, at::kDouble)};
  const Activation relu{Function::kClamp, 0, kInfinity};
  const at::Tensor plain = affine_on(available_isas().back(), x, k.center, k.scale, k.shift);
  for (const at::Tensor& residual :
       {at::randn({2, 40, 6, 7}).contiguous(at::MemoryFormat::ChannelsLast),
        at::randn({2, 6, 7, 40}).permute({0, 3, 1, 2}), at::randn({2, 40, 1, 1}), at::randn({2, 40, 6, 7}, at::kDouble),
        at::randn({2, 40, 6, 14}).slice(3, 0, 14, 2)}) {
    const at::Tensor want = (plain + residual).relu();
    EXPECT_TRUE(affine_then(x, k, {residual, relu, false}).equal(want)) << residual.sizes();
  }
}

TEST(AffineThen, KeepsTheTypeOfAnAdditionInPlace) {
  const at::Tensor x = at::randn({2, 8, 3, 3}).to(at::kBFloat16);
  const Coefficients k{at::zeros({8}, at::kDouble), at::ones({8}, at::kDouble), at::zeros({8}, at::kDouble)};
  const at::Tensor residual = at::randn({2, 8, 3, 3});
  EXPECT_EQ(affine_then(x, k, {residual, {}, false, false}).scalar_type(), at::kFloat);
  EXPECT_EQ(affine_then(x, k, {residual, {}, false, true}).scalar_type(), at::kBFloat16);
}

TEST(AffineThen, RefusesUnknownActivations) {
  EXPECT_THAT(torch_error([] { parse_activation("gelu", 0, 0); }),
              HasSubstr("expected activation clamp, leaky_relu, hardswish or silu, found gelu"));
}

/// Through the dispatcher, as graphs call it.
at::Tensor fused(at::Tensor x, const at::Tensor& weight, const at::Tensor& mean, const at::Tensor& var,
                 const std::string& rule, State& state, const c10::optional<at::Tensor>& residual, bool in_place) {
  link_operators();
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow(kFusedNormOperator, "").typed<decltype(fused_norm)>();
  return op.call(x, weight, c10::nullopt, mean, var, 1e-5, rule, state.running, state.counters, state.last,
                 state.stream, residual, "clamp", 0, kInfinity, in_place, false);
}

TEST(FusedNorm, IsNormThenAdditionThenActivation) {
  at::manual_seed(4);
  const at::Tensor weight = at::rand({12}) + 0.5;
  const at::Tensor mean = at::randn({12});
  const at::Tensor var = at::rand({12}) + 0.2;
  for (const char* rule : {"source", "batch", "ema", "auto", "medbn"}) {
    for (const bool adds : {false, true}) {
      State one(12, at::kCPU, rule);
      State other(12, at::kCPU, rule);
      for (int batch = 0; batch < 3; ++batch) {
        const at::Tensor x = (at::randn({4, 12, 8, 8}) + batch).contiguous(at::MemoryFormat::ChannelsLast);
        const c10::optional<at::Tensor> residual =
            adds ? c10::optional<at::Tensor>(at::randn_like(x)) : c10::optional<at::Tensor>();
        at::Tensor want = norm(x, weight, c10::nullopt, mean, var, 1e-5, rule, other.running, other.counters,
                               other.last, other.stream);
        want = (adds ? want + *residual : want).relu();
        at::Tensor own = x.clone();
        const at::Tensor got = fused(own, weight, mean, var, rule, one, residual, batch == 1);
        if (std::string(rule) == "source") {  // batch_norm itself rounds otherwise
          EXPECT_TRUE(at::allclose(got, want, 1e-5, 1e-6));
        } else {
          EXPECT_TRUE(got.equal(want)) << rule;
        }
        EXPECT_EQ(own.is_same(got), batch == 1);
        EXPECT_TRUE(one.running.equal(other.running) && one.counters.equal(other.counters) &&
                    one.last.equal(other.last) && one.stream.equal(other.stream))
            << rule;
      }
    }
  }
}

TEST(FusedNorm, OfNothingIsNothing) {
  State state(12, at::kCPU);
  const at::Tensor none = at::zeros({0, 12, 8, 8});
  const at::Tensor ones = at::ones({12});
  EXPECT_EQ(fused(none, ones, ones, ones, "batch", state, none, true).sizes(), none.sizes());
  EXPECT_EQ(state.counters.sum().item<double>(), 0);
}

}  // namespace
}  // namespace ttscale::ops
