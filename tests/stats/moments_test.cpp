// SPDX-License-Identifier: MIT
// Pooling and mixing against slow, obvious versions.
#include "stats/moments.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

namespace ttscale::stats {
namespace {

/// [N, C, L] of random values, each image with a mean and spread of its own.
at::Tensor images(std::int64_t n, std::int64_t c, std::int64_t l) {
  at::manual_seed(3);
  return at::randn({n, c, l}, at::kDouble) * (0.5 + at::rand({n, c, 1}, at::kDouble)) +
         at::randn({n, c, 1}, at::kDouble);
}

ImageMoments per_image(const at::Tensor& x) { return {{x.mean(2), x.var(2, /*unbiased=*/false)}, x.size(2)}; }

TEST(Pool, EqualsTheMomentsOfAllPixels) {
  const at::Tensor x = images(5, 3, 7);
  const BatchMoments batch = pool(per_image(x));
  for (std::int64_t c = 0; c < 3; ++c) {
    const at::Tensor pixels = x.select(1, c).flatten();
    EXPECT_NEAR(batch.pooled.mean[c].item<double>(), pixels.mean().item<double>(), 1e-12);
    EXPECT_NEAR(batch.pooled.var[c].item<double>(), pixels.var(false).item<double>(), 1e-12);
  }
  EXPECT_EQ(batch.images.item<double>(), 5);
  EXPECT_EQ(batch.offered, 5);
}

TEST(Pool, LoopsDoWhatTensorsDo) {
  at::Tensor x = images(7, 33, 5);
  x[3][2][1] = std::numeric_limits<double>::infinity();
  for (const std::int64_t n : {1, 3, 7}) {
    const BatchMoments loops = pool(per_image(x.narrow(0, 0, n)));
    const BatchMoments tensors = pool_in_tensors(per_image(x.narrow(0, 0, n)));
    EXPECT_TRUE(at::allclose(loops.pooled.mean, tensors.pooled.mean, 1e-13, 1e-13));
    EXPECT_TRUE(at::allclose(loops.pooled.var, tensors.pooled.var, 1e-13, 1e-13));
    EXPECT_TRUE(loops.images.equal(tensors.images));
  }
  const BatchMoments none = pool(per_image(x.narrow(0, 3, 1)));
  EXPECT_TRUE(none.pooled.mean.isnan().all().item<bool>() && none.pooled.var.isnan().all().item<bool>());
}

TEST(Pool, LeavesOutImagesThatAreNotFinite) {
  at::Tensor x = images(5, 3, 7);
  const BatchMoments expected = pool(per_image(at::cat({x.narrow(0, 0, 1), x.narrow(0, 3, 2)})));
  x[1][0][2] = std::numeric_limits<double>::quiet_NaN();
  x[2][2][4] = std::numeric_limits<double>::infinity();
  const BatchMoments batch = pool(per_image(x));
  EXPECT_EQ(batch.images.item<double>(), 3);
  EXPECT_EQ(batch.offered, 5);
  EXPECT_TRUE(batch.pooled.mean.allclose(expected.pooled.mean));
  EXPECT_TRUE(batch.pooled.var.allclose(expected.pooled.var));
}

TEST(Estimate, UnbiasedIsBesselsAndASingleValueFallsBackToTheSource) {
  const at::Tensor x = images(2, 3, 4);
  const Moments source{at::zeros({3}, at::kDouble), at::full({3}, 7.0, at::kDouble)};
  const Moments unbiased = estimate(pool(per_image(x)), source, Variance::kUnbiased);
  EXPECT_TRUE(unbiased.var.allclose(x.transpose(0, 1).flatten(1).var(1, /*unbiased=*/true)));
  const BatchMoments single = pool(per_image(images(1, 3, 1)));
  EXPECT_TRUE(estimate(single, source, Variance::kUnbiased).var.equal(source.var));
  EXPECT_TRUE(estimate(single, source, Variance::kBiased).var.equal(at::zeros({3}, at::kDouble)));
}

TEST(Estimate, TheSourceVarianceOfADeadChannelIsNoEstimate) {
  const Moments source{at::zeros({3}, at::kDouble), at::full({3}, 7.0, at::kDouble)};
  BatchMoments batch = pool(per_image(images(2, 3, 4)));
  const at::Tensor own = batch.pooled.var;
  batch.dead = at::arange(3) == 1;
  batch.pooled.var = at::where(batch.dead, source.var, own);
  const at::Tensor var = estimate(batch, source, Variance::kUnbiased).var;
  EXPECT_EQ(var[1].item<double>(), 7);
  for (const std::int64_t c : {0, 2}) {
    EXPECT_NEAR(var[c].item<double>(), own[c].item<double>() * 8 / 7, 1e-12);
  }
}

TEST(Mix, TotalVarianceIsTheVarianceOfTheMixture) {
  // 30 % of the values from a, 70 % from b: the law of total variance must give what the pooled values have.
  const at::Tensor a = images(1, 1, 3000).flatten();
  const at::Tensor b = images(1, 1, 7000).flatten() * 2 + 5;
  const at::Tensor all = at::cat({a, b});
  const auto moments = [](const at::Tensor& t) { return Moments{t.mean().view({1}), t.var(false).view({1})}; };
  const Moments total = mix(moments(a), moments(b), 0.7, Mixing::kTotal);
  EXPECT_NEAR(total.mean.item<double>(), all.mean().item<double>(), 1e-12);
  EXPECT_NEAR(total.var.item<double>(), all.var(false).item<double>(), 1e-10);
  const Moments convex = mix(moments(a), moments(b), 0.7, Mixing::kConvex);
  EXPECT_NEAR(convex.var.item<double>(), 0.3 * a.var(false).item<double>() + 0.7 * b.var(false).item<double>(), 1e-12);
}

double hellinger_by_integration(double m1, double v1, double m2, double v2) {
  double overlap = 0;
  constexpr double kStep = 1e-3;
  for (double t = -40; t < 40; t += kStep) {
    const double p = std::exp(-(t - m1) * (t - m1) / (2 * v1)) / std::sqrt(2 * M_PI * v1);
    const double q = std::exp(-(t - m2) * (t - m2) / (2 * v2)) / std::sqrt(2 * M_PI * v2);
    overlap += std::sqrt(p * q) * kStep;
  }
  return 1 - overlap;
}

TEST(Mix, LoopsDoWhatTensorsDo) {
  at::manual_seed(8);
  // Every second number of an array: nothing for loops.
  const auto strided = [](const at::Tensor& t) { return at::stack({t, t}, 1).select(1, 0); };
  const auto random = [] { return Moments{at::randn({9}, at::kDouble), at::rand({9}, at::kDouble)}; };
  const auto apart = [&](const Moments& m) { return Moments{strided(m.mean), strided(m.var)}; };
  const Moments a = random();
  const Moments b = random();
  for (const Mixing mixing : {Mixing::kConvex, Mixing::kTotal}) {
    for (const at::Tensor& w : {at::full({}, 0.3, at::kDouble), at::rand({9}, at::kDouble)}) {
      const Moments loops = mix(a, b, w, mixing);
      const Moments tensors = mix(apart(a), apart(b), w, mixing);
      EXPECT_TRUE(at::allclose(loops.mean, tensors.mean, 1e-14, 1e-14));
      EXPECT_TRUE(at::allclose(loops.var, tensors.var, 1e-14, 1e-14));
    }
  }
}

TEST(Hellinger, EqualsTheIntegral) {
  for (const auto& [m1, v1, m2, v2] :
       {std::array<double, 4>{0, 1, 0, 1}, {0, 1, 1, 2}, {-3, 0.2, 2, 5}, {1, 4, 1, 0.1}}) {
    const auto moments = [](double m, double v) {
      return Moments{at::full({1}, m, at::kDouble), at::full({1}, v, at::kDouble)};
    };
    EXPECT_NEAR(hellinger(moments(m1, v1), moments(m2, v2)).item<double>(), hellinger_by_integration(m1, v1, m2, v2),
                1e-6);
  }
}

TEST(Hellinger, OfConstantChannelsIsDefined) {
  const Moments zero{at::zeros({1}, at::kDouble), at::zeros({1}, at::kDouble)};
  const Moments one{at::ones({1}, at::kDouble), at::zeros({1}, at::kDouble)};
  EXPECT_EQ(hellinger(zero, zero).item<double>(), 0);
  EXPECT_NEAR(hellinger(zero, one).item<double>(), 1, 1e-12);
}

}  // namespace
}  // namespace ttscale::stats
