// SPDX-License-Identifier: MIT
// Rules that measure a part of the images: which part, what it says of the whole, and what the others take.
#include "stats/sampling.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "stats/finite.h"
#include "stats/preset_stream.h"

namespace ttscale::stats {
namespace {

using testing::eps_tensor;
using testing::fresh_state;
using testing::image_moments;
using testing::kChannels;
using testing::source_moments;

constexpr std::int64_t kWidth = kChannels;

/// What sites do with batches of a stream, without their images: which are measured, as "first+count".
std::vector<std::string> measured(const std::string& text, const std::vector<std::int64_t>& batches) {
  const Rule rule = parse_rule(text);
  SiteState state = fresh_state(rule, kWidth);
  std::vector<std::string> out;
  for (const std::int64_t images : batches) {
    const Sample sample = next_sample(rule, images, state);
    EXPECT_EQ(sample.of, images);
    EXPECT_LE(sample.first + sample.count, images);
    out.push_back(std::to_string(sample.first) + "+" + std::to_string(sample.count));
    count_offered(rule, images, sample, state);
  }
  return out;
}

TEST(Sampling, TakesABlockOfLargeBatchesThatMovesOn) {
  EXPECT_EQ(measured("ema:sample=1/4", {16, 16, 16, 16, 16}),
            (std::vector<std::string>{"0+4", "4+4", "8+4", "12+4", "0+4"}));
  // Where blocks do not fill the batch the last one begins earlier.
  EXPECT_EQ(measured("ema:sample=1/4", {10, 10, 10, 10, 10}),
            (std::vector<std::string>{"0+3", "3+3", "6+3", "7+3", "0+3"}));
  EXPECT_EQ(measured("ema:sample=1/3", {6, 6, 6, 6}), (std::vector<std::string>{"0+2", "2+2", "4+2", "0+2"}));
  EXPECT_EQ(measured("ema:sample=0.9", {4, 4}), (std::vector<std::string>{"0+4", "0+4"}));
}

TEST(Sampling, TakesOneWholeSmallBatchInSoMany) {
  EXPECT_EQ(measured("ema:sample=1/4", {1, 1, 1, 1, 1, 1}),
            (std::vector<std::string>{"0+1", "0+0", "0+0", "0+0", "0+1", "0+0"}));
  EXPECT_EQ(measured("ema:sample=1/3", {4, 4, 4, 4}), (std::vector<std::string>{"0+4", "0+0", "0+0", "0+4"}));
  EXPECT_EQ(measured("ema:sample=1/4", {7, 1, 20, 1}), (std::vector<std::string>{"0+7", "0+0", "0+5", "0+1"}));
}

TEST(Sampling, WhatLargeBatchesMeasureMoreSmallOnesDoNotOwe) {
  std::vector<std::int64_t> batches(100, 9);
  batches.insert(batches.end(), 12, 1);
  const std::vector<std::string> found = measured("ema:sample=1/4", batches);
  EXPECT_EQ(found[99].substr(found[99].find('+')), "+3");
  EXPECT_EQ(found[103], "0+1");  // 3 of 9 + 3 images
}

TEST(Sampling, TakesTheShareOfAnyStream) {
  for (const double share : {0.1, 0.25, 1.0 / 3, 0.5}) {
    for (const std::int64_t images : {1, 2, 3, 5, 8, 64}) {
      const std::string text = to_string(Rule(rule::Batch{Variance::kBiased, {}, Part::kBoth, share}));
      double sum = 0;
      for (const std::string& sample : measured(text, std::vector<std::int64_t>(400, images))) {
        sum += std::stod(sample.substr(sample.find('+') + 1));
      }
      const double found = sum / (400.0 * static_cast<double>(images));
      EXPECT_GE(found, share - 0.02) << images;
      // Whole images, of each batch.
      EXPECT_LE(found, share + (share * static_cast<double>(images) >= 2 ? 1.0 / static_cast<double>(images) : 0.02));
    }
  }
}

TEST(Sampling, OtherRulesMeasureAll) {
  for (const char* text : {"batch", "ema", "auto", "medbn", "ema:order=use-update"}) {
    const Rule rule = parse_rule(text);
    SiteState state = fresh_state(rule, kWidth);
    EXPECT_FALSE(sample_share(rule)) << text;
    EXPECT_FALSE(lags(rule)) << text;
    EXPECT_EQ(next_sample(rule, 9, state).count, 9) << text;
    count_offered(rule, 9, {0, 9, 9}, state);
    EXPECT_EQ(state.counters.sum().item<double>(), 0) << text;
  }
}

TEST(Sampling, IsToldWhatToMeasure) {
  const Rule rule = parse_rule("ema:sample=1/4");
  SiteState state = fresh_state(rule, kWidth);
  set_measure(state.stream, Measure::kNothing, 4, 16);
  EXPECT_EQ(next_sample(rule, 12, state).count, 0);
  set_measure(state.stream, Measure::kAll, 4, 16);
  EXPECT_EQ(next_sample(rule, 4, state).count, 4);
  EXPECT_EQ(next_sample(rule, 4, state).of, 16);
  EXPECT_EQ(next_sample(rule, 40, state).count, 40);  // ten crops of each
  EXPECT_EQ(next_sample(rule, 40, state).of, 160);
  set_measure(state.stream, Measure::kAsDue);
  EXPECT_EQ(next_sample(rule, 16, state).count, 4);
}

TEST(Sampling, BearsWhateverAStateFileSays) {
  const Rule rule = parse_rule("ema:sample=1/4");
  for (const double odd : {std::nan(""), std::numeric_limits<double>::infinity(), -1e300, 1e300, 2.5, -3.0}) {
    SiteState state = fresh_state(rule, kWidth);
    state.counters.fill_(odd);
    state.stream.fill_(odd);
    for (const std::int64_t images : {1, 16}) {
      const Sample sample = next_sample(rule, images, state);
      EXPECT_GE(sample.first, 0);
      EXPECT_LE(sample.first + sample.count, images);
    }
  }
}

TEST(AllFinite, IsSoIfNoValueIsNanOrInf) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    at::Tensor x = at::full({3, 2, 5}, type == at::kHalf ? 6e4 : 3e38).to(type);  // a sum of which overflows
    EXPECT_TRUE(all_finite(x).item<bool>()) << type;
    for (const double odd : {std::nan(""), infinity, -infinity}) {
      at::Tensor y = x.clone();
      y[1][1][3] = odd;
      EXPECT_FALSE(all_finite(y).item<bool>()) << type;
      y[0][0][0] = -odd;
      EXPECT_FALSE(all_finite(y).item<bool>()) << type;
    }
  }
  EXPECT_TRUE(all_finite(at::empty({0, 3})).item<bool>());
  EXPECT_TRUE(all_finite(at::ones({3}, at::kByte)).item<bool>());
}

/// Mean of the pooled moments over every choice of `count` of the images.
template <typename Pool>
Moments over_all_choices(const at::Tensor& x, std::int64_t count, const Pool& pool_of) {
  const std::int64_t images = x.size(0);
  Moments sum{at::zeros({x.size(1)}, at::kDouble), at::zeros({x.size(1)}, at::kDouble)};
  double choices = 0;
  for (std::int64_t bits = 0; bits < (1 << images); ++bits) {
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < images; ++i) {
      if ((bits >> i & 1) != 0) {
        chosen.push_back(i);
      }
    }
    if (static_cast<std::int64_t>(chosen.size()) == count) {
      ImageMoments sample = image_moments(x.index_select(0, at::tensor(chosen, at::kLong)));
      sample.of = images;
      const Moments pooled = pool_of(sample).pooled;
      sum.mean += pooled.mean;
      sum.var += pooled.var;
      choices += 1;
    }
  }
  return {sum.mean / choices, sum.var / choices};
}

TEST(Sampling, ASampleIsAnUnbiasedEstimateOfItsBatch) {
  at::manual_seed(5);
  const at::Tensor x = at::randn({6, kWidth, 4}, at::kDouble) + 3 * at::randn({6, kWidth, 1}, at::kDouble);
  const Moments whole = pool(image_moments(x)).pooled;
  for (const std::int64_t count : {2, 3, 5, 6}) {
    for (const Moments& found : {over_all_choices(x, count, pool), over_all_choices(x, count, pool_in_tensors)}) {
      EXPECT_TRUE(found.mean.allclose(whole.mean, 1e-12, 1e-12)) << count;
      EXPECT_TRUE(found.var.allclose(whole.var, 1e-12, 1e-12)) << count << found.var << whole.var;
    }
  }
  // One image tells nothing of the spread between images.
  ImageMoments one = image_moments(x.narrow(0, 0, 1));
  one.of = 6;
  EXPECT_TRUE(pool(one).pooled.var.equal(one.each.var[0]));
  EXPECT_TRUE(pool_in_tensors(one).pooled.var.equal(one.each.var[0]));
}

TEST(Sampling, AnImageThatIsNotFiniteIsNoPartOfTheSample) {
  at::manual_seed(6);
  at::Tensor x = at::randn({4, kWidth, 5}, at::kDouble);
  ImageMoments three = image_moments(x.narrow(0, 0, 3));
  three.of = 9;
  x[3] = std::nan("");
  ImageMoments four = image_moments(x);
  four.of = 9;
  EXPECT_TRUE(pool(four).pooled.var.allclose(pool(three).pooled.var, 1e-12, 1e-12));
  EXPECT_TRUE(pool_in_tensors(four).pooled.var.allclose(pool(three).pooled.var, 1e-12, 1e-12));
}

/// One step under a rule that samples, beside the same rule without.
TEST(Sampling, KeepsWhatItUsedAlsoWithoutAStateOtherwise) {
  at::manual_seed(7);
  for (const char* name : {"batch", "prior:count=3", "alpha:weight=0.4", "ema:momentum=0.3", "cumulative", "dua"}) {
    SCOPED_TRACE(name);
    const std::string text = name;
    const Rule plain = parse_rule(text);
    const Rule rule = parse_rule(text + (text.find(':') == std::string::npos ? ":" : ",") + "sample=1/2");
    SiteState state = fresh_state(rule, kWidth);
    SiteState other = fresh_state(plain, kWidth);
    EXPECT_TRUE(known_moments(rule, source_moments(), state).mean.equal(source_moments().mean));
    EXPECT_TRUE(has_state(rule));
    for (int batch = 0; batch < 3; ++batch) {
      const ImageMoments images = image_moments(at::randn({5, kWidth, 6}, at::kDouble) + batch);
      const Moments used = step(rule, source_moments(), eps_tensor(), images, state);
      const Moments want = step(plain, source_moments(), eps_tensor(), images, other);
      EXPECT_TRUE(used.mean.equal(want.mean));
      EXPECT_TRUE(used.var.equal(want.var));
      for (const Moments& kept :
           {known_moments(rule, source_moments(), state), settled(rule, source_moments(), eps_tensor(), state)}) {
        EXPECT_TRUE(kept.mean.allclose(used.mean, 1e-12, 1e-12));
        EXPECT_TRUE(kept.var.allclose(used.var, 1e-12, 1e-12));
      }
    }
    SiteState in_tensors = fresh_state(rule, kWidth);
    SiteState in_memory = fresh_state(rule, kWidth);
    const ImageMoments images = image_moments(at::randn({5, kWidth, 6}, at::kDouble));
    step_in_tensors(rule, source_moments(), eps_tensor(), images, in_tensors);
    step(rule, source_moments(), eps_tensor(), images, in_memory);
    EXPECT_TRUE(in_tensors.running.allclose(in_memory.running, 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace ttscale::stats
