// SPDX-License-Identifier: MIT
// unmixtns against plain scalar loops, its generator, and what its corrections correct.
#include <gmock/gmock.h>

#include <ATen/ATen.h>

#include "preset_stream.h"
#include "stats/rules/unmixtns_start.h"

namespace ttscale::stats::testing {
namespace {

/// Components [K][C] of one site.
struct Components {
  std::vector<std::vector<Pair>> each;

  Components(std::size_t count, double alpha, bool published) : each(count, source_pairs()) {
    if (count == 1) {
      return;
    }
    const auto k = static_cast<std::int64_t>(count);
    const at::Tensor z = normal_draws(k, kChannels, at::zeros({}, at::kDouble));
    for (std::size_t c = 0; c < kChannels; ++c) {
      std::vector<double> draws;
      for (std::int64_t j = 0; j < k; ++j) {
        draws.push_back(z[j][static_cast<std::int64_t>(c)].item<double>());
      }
      double mean = 0;
      double square = 0;
      for (const double d : draws) {
        mean += d / static_cast<double>(count);
      }
      for (const double d : draws) {
        square += (d - mean) * (d - mean) / static_cast<double>(count);
      }
      const Pair s = source_pairs()[c];
      for (std::size_t j = 0; j < count; ++j) {
        const double standard = (draws[j] - mean) / std::sqrt(square);
        const double inflated = draws[j] * std::sqrt(static_cast<double>(count) / static_cast<double>(count - 1));
        each[j][c] = {s.mean + std::sqrt(alpha * s.var) * (published ? inflated : standard), (1 - alpha) * s.var};
      }
    }
  }

  std::vector<double> shares(const Batch& batch, std::size_t i, double temperature) const {
    std::vector<double> p;
    double sum = 0;
    for (const auto& component : each) {
      double dot = 0;
      double a = 0;
      double b = 0;
      for (std::size_t c = 0; c < kChannels; ++c) {
        const double x = batch.image(i, c).mean;
        dot += x * component[c].mean;
        a += x * x;
        b += component[c].mean * component[c].mean;
      }
      p.push_back(std::exp(dot / std::sqrt(a * b) / temperature));
      sum += p.back();
    }
    for (double& share : p) {
      share /= sum;
    }
    return p;
  }

  Pair mixture(const std::vector<double>& p, const Pair& image, std::size_t c, bool published) const {
    const auto count = static_cast<double>(each.size());
    double mean = 0;
    double within = 0;
    double square = 0;
    for (std::size_t k = 0; k < each.size(); ++k) {
      const Pair& component = each[k][c];
      const double h = (1 - p[k]) * component.mean + p[k] * image.mean;
      const double apart = image.mean - component.mean;
      mean += h / count;
      square += h * h / count;
      within +=
          ((1 - p[k]) * component.var + p[k] * image.var + (published ? 0 : p[k] * (1 - p[k]) * apart * apart)) / count;
    }
    return {mean, within + square - mean * mean};
  }

  void update(const Batch& batch, const std::vector<std::vector<double>>& p, double momentum) {
    const auto n = static_cast<double>(batch.images());
    for (std::size_t k = 0; k < each.size(); ++k) {
      for (std::size_t c = 0; c < kChannels; ++c) {
        Pair change{0, 0};
        for (std::size_t i = 0; i < batch.images(); ++i) {
          change.mean += p[i][k] * (batch.living_image(i, c).mean - each[k][c].mean) / n;
          change.var += p[i][k] * (batch.living_image(i, c).var - each[k][c].var) / n;
        }
        each[k][c].mean += momentum * change.mean;
        each[k][c].var += momentum * change.var;
      }
    }
  }
};

void expect_follows_unmixtns(const std::string& rule, std::size_t count, double momentum, bool published) {
  Components components(count, 0.5, published);
  expect_follows(rule, [&](const Batch& batch) {
    const Components now = components;
    std::vector<std::vector<double>> p;
    for (std::size_t i = 0; i < batch.images(); ++i) {
      p.push_back(now.shares(batch, i, 0.07));
    }
    components.update(batch, p, 1 - std::pow(1 - momentum, static_cast<double>(batch.images()) / 64));
    return
        [=, &batch](std::size_t i, std::size_t c) { return now.mixture(p[i], batch.living_image(i, c), c, published); };
  });
}

TEST(UnMixTns, FollowsItsFormula) {
  expect_follows_unmixtns("unmixtns", 16, 0.1, false);
  expect_follows_unmixtns("unmixtns:components=5,momentum=0.9", 5, 0.9, false);
  expect_follows_unmixtns("unmixtns:components=1,momentum=0.9", 1, 0.9, false);
  expect_follows_unmixtns("unmixtns:published,components=5,momentum=0.9", 5, 0.9, true);
}

TEST(UnMixTns, StartsAtTheSourceExactly) {
  at::manual_seed(1);
  const at::Tensor x = batches()[0].tensor();
  const auto start = [&](const char* rule) {
    Site site(rule);
    site.feed(x);
    return site.settled();
  };
  const Moments source = source_moments();
  const Moments ours = start("unmixtns:momentum=0");
  EXPECT_TRUE(ours.mean.allclose(source.mean, 1e-12, 1e-12));
  EXPECT_TRUE(ours.var.allclose(source.var, 1e-12, 1e-12));
  const Moments theirs = start("unmixtns:momentum=0,published");
  EXPECT_GT(((theirs.mean - source.mean).abs() / source.var.sqrt()).max().item<double>(), 0.02);
  EXPECT_LT(((theirs.mean - source.mean).abs() / source.var.sqrt()).max().item<double>(), 1);
}

TEST(UnMixTns, MixingKeepsTheDistanceBetweenImageAndComponents) {
  // The same components under both variants: what is missing in the published variance is mean_k p (1 - p) (mi - mk)^2.
  const at::Tensor x = batches()[0].tensor();
  Site ours("unmixtns:components=4,temperature=1");
  Site theirs("unmixtns:components=4,temperature=1,published");
  ours.feed(x);
  theirs.state().running.copy_(ours.state().running);
  theirs.state().counters.copy_(ours.state().counters);
  const at::Tensor missing = ours.feed(x).var - theirs.feed(x).var;
  EXPECT_GT(missing.min().item<double>(), 0.01);
}

TEST(UnMixTns, ARunOfOneDomainLeavesTheComponentsOfAnotherAlone) {
  at::manual_seed(2);
  Site site("unmixtns:components=4,momentum=0.99");
  const at::Tensor direction = at::tensor({1.0, -2.0, 1.0}, at::kDouble);
  at::Tensor means = site.state().running.narrow(0, 2, 4);
  means.copy_(at::stack({direction, direction, -direction, -direction}));
  site.state().running.narrow(0, 6, 4).fill_(1);
  site.state().counters[1] = 1;  // a stream that has begun
  for (int i = 0; i < 400; ++i) {
    site.feed(3 * direction.view({1, -1, 1}) + at::randn({1, kChannels, 16}, at::kDouble));
  }
  EXPECT_LT((means[0] - 3 * direction).abs().max().item<double>(), 0.3);
  EXPECT_LT((means[3] + direction).abs().max().item<double>(), 1e-6);
}

TEST(NormalDraws, AreWhatTheGeneratorSays) {
  constexpr std::int64_t kPrime = 2147483647;
  const auto uniform = [&](std::int64_t k, std::int64_t c, std::int64_t site, std::int64_t which) {
    std::int64_t state = 1 + which;
    const auto mix = [&](std::int64_t word, std::int64_t multiplier) {
      const std::int64_t sum = (state + word) % kPrime;
      state = (sum * sum + sum * multiplier + 12345) % kPrime;
    };
    for (int pass = 0; pass < 2; ++pass) {
      mix(site * 7919 + 1, 48271);
      mix(c * 104729 + 1, 69621);
      mix(k * 1299709 + 1, 1226874159);
    }
    return (static_cast<double>(state) + 0.5) / static_cast<double>(kPrime);
  };
  const at::Tensor draws = normal_draws(7, 9, at::full({}, 3, at::kDouble));
  for (std::int64_t k = 0; k < 7; ++k) {
    for (std::int64_t c = 0; c < 9; ++c) {
      const double want =
          std::sqrt(-2 * std::log(uniform(k, c, 3, 0))) * std::cos(6.283185307179586 * uniform(k, c, 3, 1));
      EXPECT_NEAR(draws[k][c].item<double>(), want, 1e-9);
    }
  }
}

TEST(NormalDraws, AreStandardNormalAndUnrelated) {
  std::vector<at::Tensor> sites;
  for (int site = 0; site < 4; ++site) {
    sites.push_back(normal_draws(64, 2048, at::full({}, site, at::kDouble)));
    const at::Tensor& z = sites.back();
    EXPECT_NEAR(z.mean().item<double>(), 0, 0.015);  // of 131072 numbers: five standard errors
    EXPECT_NEAR(z.var().item<double>(), 1, 0.02);
    EXPECT_NEAR(z.pow(4).mean().item<double>(), 3, 0.15);
    EXPECT_NEAR((z.abs() > 2).to(at::kDouble).mean().item<double>(), 0.0455, 0.003);
    // Neighbours in either direction.
    EXPECT_NEAR((z.narrow(0, 0, 63) * z.narrow(0, 1, 63)).mean().item<double>(), 0, 0.015);
    EXPECT_NEAR((z.narrow(1, 0, 2047) * z.narrow(1, 1, 2047)).mean().item<double>(), 0, 0.015);
    EXPECT_NEAR(z.mean(0).var().item<double>(), 1.0 / 64, 0.003);
    EXPECT_NEAR(z.mean(1).var().item<double>(), 1.0 / 2048, 0.0005);
  }
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a + 1; b < 4; ++b) {
      EXPECT_NEAR((sites[a] * sites[b]).mean().item<double>(), 0, 0.015);
    }
  }
}

}  // namespace
}  // namespace ttscale::stats::testing
