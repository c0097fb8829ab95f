// SPDX-License-Identifier: MIT
// The presets iabn, rbn, tbr, adamixbn, medbn and mixnorm against plain scalar loops, and what their corrections
// correct.
#include <gmock/gmock.h>

#include <array>

#include "preset_stream.h"

namespace ttscale::stats::testing {
namespace {

using Row = std::array<Pair, kChannels>;

Row at_source() { return {source_pairs()[0], source_pairs()[1], source_pairs()[2]}; }

Pair convex(const Pair& a, const Pair& b, double w) {
  return {(1 - w) * a.mean + w * b.mean, (1 - w) * a.var + w * b.var};
}

Pair total(const Pair& a, const Pair& b, double w) {
  const Pair linear = convex(a, b, w);
  return {linear.mean, linear.var + w * (1 - w) * (a.mean - b.mean) * (a.mean - b.mean)};
}

/// A batch at the source, each channel moved by `shift` of its standard deviations.
at::Tensor shifted(double shift, std::int64_t images, std::int64_t pixels) {
  const Moments source = source_moments();
  return source.mean.view({1, -1, 1}) +
         source.var.sqrt().view({1, -1, 1}) * (at::randn({images, kChannels, pixels}, at::kDouble) + shift);
}

// --- iabn -----------------------------------------------------------------------------------------------------------

double shrunk(double z, double threshold) {
  return std::abs(z) <= threshold ? 0 : (z > 0 ? z - threshold : z + threshold);
}

std::function<Expected(const Batch&)> iabn(double k, double eps) {
  return [=](const Batch& batch) {
    return [=](std::size_t i, std::size_t c) {
      const Pair s = source_pairs()[c];
      const auto pixels = static_cast<double>(batch.pixels());
      if (batch.pixels() == 1) {
        return s;
      }
      const Pair image = batch.unbiased_image(i, c);
      const double mean_error = std::sqrt((s.var + eps) / pixels);
      const double var_error = (s.var + eps) * std::sqrt(2 / (pixels - 1));
      return Pair{s.mean + shrunk(image.mean - s.mean, k * mean_error),
                  std::max(0.0, s.var + shrunk(image.var - s.var, k * var_error))};
    };
  };
}

TEST(Iabn, FollowsItsFormula) {
  expect_follows("iabn", iabn(4, 0));
  expect_follows("iabn:k=1", iabn(1, 0));
  expect_follows("iabn:k=0", iabn(0, 0));
  expect_follows("iabn:published,k=0.5", iabn(0.5, kEps));
}

TEST(Iabn, SmallShiftsAreChanceAndLargeOnesAreNot) {
  at::manual_seed(1);
  Site site("iabn");
  EXPECT_TRUE(site.feed(shifted(0, 50, 64)).mean.equal(source_moments().mean.expand({50, -1})));
  const Moments moved = site.feed(shifted(3, 50, 64));
  const at::Tensor z = (moved.mean - source_moments().mean) / source_moments().var.sqrt();
  EXPECT_NEAR(z.mean().item<double>(), 3 - 4.0 / 8, 0.05);
}

TEST(Iabn, EpsDoesNotHideTheShiftOfANarrowChannel) {
  // Spread 0.001 with an eps of 0.001, whose root is 0.03: a shift of twenty spreads is no chance.
  const Moments narrow{at::zeros({1}, at::kDouble), at::full({1}, 1e-6, at::kDouble)};
  const ImageMoments image{{at::full({1, 1}, 0.02, at::kDouble), at::full({1, 1}, 1e-6, at::kDouble)}, 16};
  const auto used = [&](const char* text) {
    const Rule rule = parse_rule(text);
    SiteState state = fresh_state(rule, 1);
    return step(rule, narrow, eps_tensor(), image, state).mean.item<double>();
  };
  EXPECT_NEAR(used("iabn"), 0.019, 1e-12);
  EXPECT_EQ(used("iabn:published"), 0);
}

// --- rbn, tbr -------------------------------------------------------------------------------------------------------

TEST(Rbn, FollowsItsFormula) {
  Row r = at_source();
  expect_follows("rbn", [&](const Batch& batch) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      r[c] = convex(r[c], batch.living_pooled(c), 0.05);
    }
    return [&](std::size_t, std::size_t c) { return r[c]; };
  });
}

std::function<Expected(const Batch&)> tbr(bool first_batch, double momentum, Row& r, Row& now, int& batches) {
  r = at_source();
  batches = 0;
  return [=, &r, &now, &batches](const Batch& batch) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      const Pair b = batch.living_pooled(c);
      now[c] = batches == 0 && first_batch ? b : r[c];
      const double std = (1 - momentum) * std::sqrt(now[c].var + kEps) + momentum * std::sqrt(b.var + kEps);
      r[c] = {(1 - momentum) * now[c].mean + momentum * b.mean, std * std - kEps};
    }
    ++batches;
    return [&now](std::size_t, std::size_t c) { return now[c]; };
  };
}

TEST(Tbr, FollowsItsFormula) {
  Row r{};
  Row now{};
  int batches = 0;
  expect_follows("tbr", tbr(false, 0.05, r, now, batches));
  expect_follows("tbr:published,momentum=0.2", tbr(true, 0.2, r, now, batches));
}

TEST(Tbr, AnOddFirstBatchDoesNotStay) {
  at::manual_seed(2);
  const auto left = [&](const char* rule) {
    Site site(rule);
    site.feed(shifted(4, 8, 16));
    for (int i = 0; i < 10; ++i) {
      site.feed(shifted(0, 8, 16));
    }
    const Moments now = site.settled();
    return ((now.mean - source_moments().mean) / source_moments().var.sqrt()).mean().item<double>();
  };
  EXPECT_NEAR(left("tbr"), 4 * 0.05 * std::pow(0.95, 10), 0.05);
  EXPECT_NEAR(left("tbr:published"), 4 * std::pow(0.95, 10), 0.05);
}

// --- adamixbn -------------------------------------------------------------------------------------------------------

double distance(const Pair& a, const Pair& b, double unit) {
  const double mean = (a.mean - b.mean) / unit;
  const double std = (std::sqrt(a.var) - std::sqrt(b.var)) / unit;
  return (mean * mean + std * std) / kChannels;
}

double source_share(const Batch& batch, std::size_t i, bool published) {
  double st = 0;
  double is = 0;
  double it = 0;
  for (std::size_t c = 0; c < kChannels; ++c) {
    const Pair s = source_pairs()[c];
    const double unit = published ? 1 : std::sqrt(s.var + kEps);
    st += distance(batch.unbiased_pooled(c), s, unit);
    is += distance(batch.unbiased_image(i, c), s, unit);
    it += distance(batch.unbiased_image(i, c), batch.unbiased_pooled(c), unit);
  }
  return std::min(1.0, std::max(0.0, 1 - st / (st + is + it)));
}

TEST(AdaMixBn, FollowsItsFormula) {
  expect_follows("adamixbn", [](const Batch& batch) {
    return [&batch](std::size_t i, std::size_t c) {
      return convex(source_pairs()[c], batch.unbiased_pooled(c), 1 - source_share(batch, i, false));
    };
  });
  expect_follows("adamixbn:published", [](const Batch& batch) {
    return [&batch](std::size_t, std::size_t c) {
      double mean = 0;
      for (std::size_t i = 0; i < batch.images(); ++i) {
        mean += source_share(batch, i, true) / static_cast<double>(batch.images());
      }
      return convex(source_pairs()[c], batch.unbiased_pooled(c), 1 - mean);
    };
  });
}

TEST(AdaMixBn, AChannelOfALargeScaleDoesNotDecideAlone) {
  at::manual_seed(5);
  const at::Tensor x = shifted(1, 4, 8);
  const auto share_of_first_channel = [&](const char* text, double scale) {
    // The last channel in other units; the first is looked at.
    Moments source = source_moments();
    at::Tensor values = x.clone();
    source.mean[2].mul_(scale);
    source.var[2].mul_(scale * scale);
    values.select(1, 2).mul_(scale);
    const Rule rule = parse_rule(text);
    SiteState state = fresh_state(rule, kChannels);
    const Moments used = step(rule, source, at::full({}, 0, at::kDouble), image_moments(values), state);
    const at::Tensor mean = used.mean.dim() == 2 ? used.mean[0][0] : used.mean[0];
    return mean.item<double>();
  };
  EXPECT_NEAR(share_of_first_channel("adamixbn", 1), share_of_first_channel("adamixbn", 1000), 1e-12);
  EXPECT_GT(
      std::abs(share_of_first_channel("adamixbn:published", 1) - share_of_first_channel("adamixbn:published", 1000)),
      1e-3);
}

// --- medbn ----------------------------------------------------------------------------------------------------------

Pair about_the_median(const Batch& batch, std::size_t c, bool lower) {
  std::vector<double> values = batch.of_channel(c);
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double median = lower ? values[(n - 1) / 2] : (values[(n - 1) / 2] + values[n / 2]) / 2;
  double var = 0;
  for (const double x : values) {
    var += (x - median) * (x - median) / static_cast<double>(n);
  }
  return {median, batch.pooled(c).var == 0 ? source_pairs()[c].var : var};
}

TEST(MedBn, FollowsItsFormula) {
  for (const bool published : {false, true}) {
    expect_follows(published ? "medbn:published" : "medbn", [published](const Batch& batch) {
      return [&batch, published](std::size_t, std::size_t c) { return about_the_median(batch, c, published); };
    });
  }
}

TEST(MedBn, AFewOddImagesDoNotMoveTheCenter) {
  at::manual_seed(6);
  at::Tensor x = shifted(0, 10, 32);
  x.narrow(0, 0, 2).add_(1000);
  const at::Tensor z = (Site("medbn").feed(x).mean - source_moments().mean) / source_moments().var.sqrt();
  EXPECT_LT(z.abs().max().item<double>(), 0.6);
}

TEST(MedBn, TheMedianOfTheNegativeIsTheNegativeOfTheMedian) {
  at::manual_seed(7);
  const at::Tensor x = shifted(0, 2, 3);  // an even number of values
  const auto asymmetry = [&](const char* rule) {
    return (Site(rule).feed(x).mean + Site(rule).feed(-x).mean).abs().max().item<double>();
  };
  EXPECT_LT(asymmetry("medbn"), 1e-12);
  EXPECT_GT(asymmetry("medbn:published"), 1e-3);
}

// --- mixnorm --------------------------------------------------------------------------------------------------------

TEST(MixNorm, FollowsItsFormula) {
  Row r = at_source();
  expect_follows("mixnorm:momentum=0.1,weight=0.2", [&](const Batch& batch) {
    const double momentum = 1 - std::pow(0.9, static_cast<double>(batch.images()));
    for (std::size_t c = 0; c < kChannels; ++c) {
      r[c] = total(r[c], batch.living_pooled(c), momentum);
    }
    return [&](std::size_t i, std::size_t c) { return total(r[c], batch.living_image(i, c), 0.2); };
  });
}

TEST(MixNorm, FollowsThePublishedFormula) {
  Row r = at_source();
  expect_follows("mixnorm:published", [&](const Batch& batch) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      Pair local{0, 0};
      for (std::size_t i = 0; i < batch.images(); ++i) {
        local.mean += batch.living_image(i, c).mean / static_cast<double>(batch.images());
        local.var += batch.living_image(i, c).var / static_cast<double>(batch.images());
      }
      r[c] = convex(r[c], local, 0.001);
    }
    return [&](std::size_t i, std::size_t c) { return convex(r[c], batch.living_image(i, c), 0.05); };
  });
}

TEST(MixNorm, TheAverageKeepsTheSpreadBetweenImages) {
  // Images of half the variance within, whose means make up the other half.
  at::manual_seed(8);
  const auto settled_variance = [](const char* rule) {
    Site site(rule);
    const Moments source = source_moments();
    for (int i = 0; i < 1000; ++i) {
      const at::Tensor z =
          (at::randn({1, kChannels, 64}, at::kDouble) + at::randn({1, kChannels, 1}, at::kDouble)) * std::sqrt(0.5);
      site.feed(source.mean.view({1, -1, 1}) + source.var.sqrt().view({1, -1, 1}) * z);
    }
    return (site.settled().var / source.var).mean().item<double>();
  };
  EXPECT_NEAR(settled_variance("mixnorm:momentum=0.01"), 1, 0.15);
  EXPECT_NEAR(settled_variance("mixnorm:momentum=0.01,published"), 0.5, 0.05);
}

TEST(MixNorm, TheAverageDoesNotDependOnHowImagesAreBatched) {
  at::manual_seed(9);
  const at::Tensor x = shifted(1, 1, 8).expand({6, -1, -1}).contiguous();  // equal images: no order among them
  Site together("mixnorm:momentum=0.1");
  Site alone("mixnorm:momentum=0.1");
  together.feed(x);
  for (int i = 0; i < 6; ++i) {
    alone.feed(x.narrow(0, i, 1));
  }
  EXPECT_TRUE(together.settled().mean.allclose(alone.settled().mean, 1e-12, 1e-12));
  EXPECT_TRUE(together.settled().var.allclose(alone.settled().var, 1e-12, 1e-12));
}

}  // namespace
}  // namespace ttscale::stats::testing
