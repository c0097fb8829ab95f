// SPDX-License-Identifier: MIT
// ttscale::begin and ttscale::finish, called as a graph does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/forward.h"
#include "stats/rules/auto_state.h"
#include "support.h"

namespace ttscale::ops {
namespace {

using stats::auto_state::kConcentration;
using stats::auto_state::kCounted;
using stats::auto_state::kLooked;
using stats::auto_state::kSites;

at::Tensor sure_of(std::int64_t winner, std::int64_t images, at::Device device) {
  return at::one_hot(at::full({images}, winner, at::kLong), 4).to(device, at::kFloat) * 50;
}

class ForwardOps : public ::testing::TestWithParam<at::Device> {
 protected:
  State state_{3, GetParam(), "auto"};
};

TEST_P(ForwardOps, FinishGivesTheScoresBackAndCountsThem) {
  begin(state_.stream, "auto", true);
  EXPECT_EQ(state_.stream[kLooked].item<double>(), 0);
  const at::Tensor scores = sure_of(2, 40, GetParam());
  EXPECT_TRUE(finish(scores, state_.stream, "auto").equal(scores));
  EXPECT_EQ(state_.stream[kLooked].item<double>(), 1);
  EXPECT_GT(state_.stream[kConcentration].item<double>(), 0.5);
}

TEST_P(ForwardOps, ScoresCountOnceAForward) {
  begin(state_.stream, "auto", true);
  finish(sure_of(2, 40, GetParam()), state_.stream, "auto");
  const at::Tensor once = state_.stream.clone();
  finish(sure_of(1, 40, GetParam()), state_.stream, "auto");  // a second output of the same forward
  EXPECT_TRUE(state_.stream.equal(once));
}

TEST_P(ForwardOps, BeginStartsAForwardAndKeepsTheStream) {
  begin(state_.stream, "auto", true);
  state_.stream[kSites].fill_(7);
  finish(sure_of(2, 40, GetParam()), state_.stream, "auto");
  const double concentration = state_.stream[kConcentration].item<double>();
  begin(state_.stream, "auto", true);
  EXPECT_EQ(state_.stream[kSites].item<double>(), 0);
  EXPECT_EQ(state_.stream[kCounted].item<double>(), 0);
  EXPECT_EQ(state_.stream[kConcentration].item<double>(), concentration);
}

TEST_P(ForwardOps, WithoutScoresNothingIsWaitedFor) {
  begin(state_.stream, "auto", false);
  EXPECT_EQ(state_.stream[kLooked].item<double>(), 1);
  EXPECT_EQ(state_.stream[kConcentration].item<double>(), 0);
}

TEST_P(ForwardOps, TakeReducedPrecision) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    state_.stream.zero_();
    begin(state_.stream, "auto", true);
    const at::Tensor scores = sure_of(2, 40, GetParam()).to(type);
    EXPECT_EQ(finish(scores, state_.stream, "auto").scalar_type(), type);
    EXPECT_GT(state_.stream[kConcentration].item<double>(), 0.5);
  }
}

TEST_P(ForwardOps, OtherRulesShareNothing) {
  State plain(3, GetParam(), "ema");
  begin(plain.stream, "ema", true);
  const at::Tensor scores = sure_of(0, 3, GetParam());
  EXPECT_TRUE(finish(scores, plain.stream, "ema").equal(scores));
  EXPECT_EQ(plain.stream.numel(), 0);
}

TEST_P(ForwardOps, AStateOfAnotherRuleIsRefused) {
  State plain(3, GetParam(), "ema");
  EXPECT_THAT(torch_error([&] { begin(plain.stream, "auto", true); }), ::testing::HasSubstr("ttscale::begin"));
  EXPECT_THAT(torch_error([&] { finish(sure_of(0, 3, GetParam()), plain.stream, "auto"); }),
              ::testing::HasSubstr("ttscale::finish"));
}

INSTANTIATE_TEST_SUITE_P(Devices, ForwardOps, ::testing::ValuesIn(devices()),
                         [](const auto& test) { return test.param.is_cuda() ? "cuda" : "cpu"; });

TEST(ForwardOpsInGraphs, AreRegisteredAndRunOnMetaTensors) {
  auto& dispatcher = c10::Dispatcher::singleton();
  EXPECT_TRUE(dispatcher.findSchema({kBeginOperator, ""}).has_value());
  const auto finish_op = dispatcher.findSchema({kFinishOperator, ""});
  ASSERT_TRUE(finish_op.has_value());
  const State sizes(3, at::kCPU, "auto");
  const auto meta = [](const at::Tensor& t) { return at::empty(t.sizes(), t.options().device(at::kMeta)); };
  at::Tensor stream = meta(sizes.stream);
  const at::Tensor y = finish_meta(meta(at::zeros({5, 4})), stream, "auto");
  EXPECT_TRUE(y.is_meta());
  EXPECT_EQ(y.sizes(), at::IntArrayRef({5, 4}));
}

}  // namespace
}  // namespace ttscale::ops
