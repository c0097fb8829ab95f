// SPDX-License-Identifier: MIT
// observe: sums that do not depend on how images are batched.
#include "ops/observe.h"

#include <gmock/gmock.h>

#include <limits>

#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/norm.h"
#include "ops/support.h"

namespace ttscale::ops {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Through the dispatcher, as graphs call it.
at::Tensor call(const at::Tensor& x, at::Tensor& sums) {
  link_operators();
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow(kObserveOperator, "").typed<decltype(observe)>();
  return op.call(x, sums);
}

at::Tensor none() { return at::zeros({0}, at::kDouble); }

at::Tensor sums_of(const at::Tensor& x, std::int64_t batch) {
  at::Tensor sums = none();
  for (const at::Tensor& part : x.split(batch)) {
    call(part, sums);
  }
  return sums;
}

/// In one go, an image and channel at a time.
at::Tensor slow_sums(const std::vector<at::Tensor>& images) {
  const std::int64_t channels = images.front().size(0);
  at::Tensor out = at::zeros({kObservedRows, channels}, at::kDouble);
  for (std::int64_t c = 0; c < channels; ++c) {
    std::vector<double> means;
    double within = 0;
    double sum = 0;
    for (const at::Tensor& image : images) {
      const at::Tensor values = image[c].to(at::kDouble);
      const double mean = values.mean().item<double>();
      within += (values - mean).square().mean().item<double>();
      sum += mean;
      means.push_back(mean);
    }
    const double mean = sum / static_cast<double>(means.size());
    double between = 0;
    for (const double m : means) {
      between += (m - mean) * (m - mean);
    }
    out[0][c] = static_cast<double>(means.size());
    out[1][c] = mean;
    out[2][c] = within;
    out[3][c] = between;
  }
  return out;
}

void expect_close(const at::Tensor& a, const at::Tensor& b, double relative) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LE(((a - b).abs() / b.abs().clamp_min(1e-300)).max().item<double>(), relative) << a << b;
}

class Observe : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(15); }
};

TEST_F(Observe, EqualsOneShotMomentsHoweverImagesAreBatched) {
  const at::Tensor x = at::randn({23, 5, 6, 7}, at::kDouble) * 1.7 + at::randn({23, 5, 1, 1}, at::kDouble) + 1;
  const at::Tensor want = slow_sums(x.unbind());
  for (const std::int64_t batch : {1, 7, 23}) {
    expect_close(sums_of(x, batch), want, 1e-12);
  }
}

TEST_F(Observe, TheOrderOfImagesDoesNotMatter) {
  const at::Tensor x = at::randn({23, 5, 6, 7}, at::kDouble) + at::randn({23, 5, 1, 1}, at::kDouble) + 1;
  expect_close(sums_of(x.flip(0), 4), sums_of(x, 4), 1e-12);
}

TEST_F(Observe, SurvivesALargeMean) {
  const at::Tensor x = at::randn({23, 3, 40, 40}) * 0.1 + 1000;
  const at::Tensor want = slow_sums(x.unbind());
  for (const std::int64_t batch : {1, 7, 23}) {
    const at::Tensor sums = sums_of(x, batch);
    expect_close(sums[1], want[1], 1e-9);
    expect_close(sums[2], want[2], 1e-4);
    // Means of images of 1600 values spread by a 40th of 0.1: their squares are held to what float32 pixels allow.
    expect_close(sums[3], want[3], 1e-3);
    // What batching itself costs is far less.
    expect_close(sums, sums_of(x, 23), 1e-9);
  }
}

TEST_F(Observe, ImagesOfDifferentSizesCountAlike) {
  const at::Tensor small = at::randn({6, 4, 3, 3}, at::kDouble) + 5;
  const at::Tensor large = at::randn({2, 4, 50, 40}, at::kDouble) - 5;
  at::Tensor sums = none();
  call(small, sums);
  call(large, sums);
  std::vector<at::Tensor> images = small.unbind();
  for (const at::Tensor& image : large.unbind()) {
    images.push_back(image);
  }
  expect_close(sums, slow_sums(images), 1e-12);
  EXPECT_NEAR(sums[1].mean().item<double>(), (6 * 5 - 2 * 5) / 8.0, 0.5) << "of images, not of pixels";
}

TEST_F(Observe, ImagesThatAreNotFiniteDoNotCountInTheirChannel) {
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    at::Tensor x = at::randn({6, 3, 4, 5}, at::kDouble);
    const at::Tensor whole = slow_sums(x.unbind());
    x[0][1][2][3] = poison;
    x[4][1][0][0] = poison;
    const at::Tensor rest = slow_sums(at::stack({x[1], x[2], x[3], x[5]}).unbind());
    for (const std::int64_t batch : {1, 2, 6}) {  // with 1, the very first batch holds nothing that counts
      const at::Tensor sums = sums_of(x, batch);
      EXPECT_EQ(sums[0][1].item<double>(), 4);
      expect_close(sums.select(1, 0), whole.select(1, 0), 1e-12);
      expect_close(sums.select(1, 1), rest.select(1, 1), 1e-12);
      expect_close(sums.select(1, 2), whole.select(1, 2), 1e-12);
    }
  }
}

TEST_F(Observe, GivesXItselfInEveryTypeAndLayout) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      const at::Tensor x = at::randn({3, 4, 5, 6}).to(type).contiguous(format);
      at::Tensor sums = none();
      EXPECT_TRUE(call(x, sums).is_same(x));
      const at::Tensor want = slow_sums(x.to(at::kDouble).unbind());
      EXPECT_TRUE(sums.allclose(want, 1e-5, 1e-5)) << type;
    }
  }
  const at::Tensor vectors = at::randn({9, 4}, at::kDouble);
  const at::Tensor sums = sums_of(vectors, 4);
  EXPECT_TRUE(sums[1].allclose(vectors.mean(0), 1e-12, 1e-14));
  EXPECT_EQ(sums[2].abs().max().item<double>(), 0) << "one value an image has no variance of its own";
  EXPECT_TRUE(sums[3].allclose(vectors.var(0, false) * 9, 1e-12, 1e-14));
}

TEST_F(Observe, ReadsMkldnnTensors) {
  if (!at::hasMKLDNN()) {
    GTEST_SKIP() << "this LibTorch has no MKLDNN";
  }
  const at::Tensor x = at::randn({3, 4, 5, 6});
  const at::Tensor blocked = x.to_mkldnn();
  at::Tensor sums = none();
  EXPECT_TRUE(call(blocked, sums).is_same(blocked));
  EXPECT_TRUE(sums.equal(sums_of(x, 3)));
}

TEST_F(Observe, AnEmptyBatchChangesNothing) {
  at::Tensor sums = none();
  call(at::empty({0, 4, 5, 5}), sums);
  EXPECT_EQ(sums.numel(), 0);
  call(at::randn({2, 4, 5, 5}), sums);
  const at::Tensor before = sums.clone();
  call(at::empty({0, 4, 5, 5}), sums);
  EXPECT_TRUE(sums.equal(before));
}

TEST_F(Observe, SaysWhatDoesNotFitAndKeepsItsSums) {
  at::Tensor sums = none();
  call(at::randn({2, 4, 5, 5}), sums);
  const at::Tensor before = sums.clone();
  EXPECT_THAT(torch_error([&] {
                call(at::ones({2, 3, 5, 5}), sums);
              }),
              AllOf(HasSubstr("4 channels"), HasSubstr("[2, 3, 5, 5]")));
  EXPECT_THAT(torch_error([&] { call(at::ones({2, 4, 5, 5}, at::kInt), sums); }), HasSubstr("float32, float64"));
  EXPECT_THAT(torch_error([&] { call(at::ones({4}), sums); }), HasSubstr("[N, C, ...]"));
  EXPECT_TRUE(sums.equal(before));
  at::Tensor single = at::zeros({kObservedRows, 4});
  EXPECT_THAT(torch_error([&] { call(at::ones({2, 4, 5, 5}), single); }), HasSubstr("of float64"));
  at::Tensor rows = at::zeros({3, 4}, at::kDouble);
  EXPECT_THAT(torch_error([&] { call(at::ones({2, 4, 5, 5}), rows); }), HasSubstr("expected sums [4, C]"));
}

TEST_F(Observe, RunsUnderInferenceModeAndGrad) {
  const at::Tensor x = at::randn({2, 4, 5, 5});
  at::Tensor sums = none();
  {
    const c10::InferenceMode guard;
    call(x, sums);
  }
  call(x.clone().requires_grad_(), sums);
  EXPECT_EQ(sums[0][0].item<double>(), 4);
}

TEST_F(Observe, TheSchemaDeclaresItsSumsAsWritten) {
  link_operators();
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(kObserveOperator, "").schema();
  EXPECT_FALSE(schema.arguments().at(0).alias_info()->isWrite());
  EXPECT_TRUE(schema.arguments().at(1).alias_info()->isWrite());
}

}  // namespace
}  // namespace ttscale::ops
