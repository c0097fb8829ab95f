// SPDX-License-Identifier: MIT
// tema over two sites against plain scalar loops, and what its corrections correct.
#include <gmock/gmock.h>

#include <array>

#include <ATen/ATen.h>

#include "preset_stream.h"
#include "stats/rules/tema_state.h"

namespace ttscale::stats::testing {
namespace {

using tema_state::kShare;
constexpr std::size_t kSites = 3;

/// The source of a site: all sites differ.
std::vector<Pair> source_of(std::size_t site) {
  std::vector<Pair> out = source_pairs();
  for (Pair& p : out) {
    p.mean += static_cast<double>(site);
    p.var *= 1 + static_cast<double>(site);
  }
  return out;
}

Moments tensors(const std::vector<Pair>& pairs) {
  std::vector<double> mean;
  std::vector<double> var;
  for (const Pair& p : pairs) {
    mean.push_back(p.mean);
    var.push_back(p.var);
  }
  return {at::tensor(mean, at::kDouble), at::tensor(var, at::kDouble)};
}

double momentum_of(double n) {
  const std::vector<std::pair<double, double>> table{{1, 0.01}, {2, 0.01}, {4, 0.1}, {16, 0.1}, {64, 1}, {200, 1}};
  for (std::size_t i = 1; i < table.size(); ++i) {
    if (n <= table[i].first) {
      const double t = std::log(n / table[i - 1].first) / std::log(table[i].first / table[i - 1].first);
      return std::exp((1 - t) * std::log(table[i - 1].second) + t * std::log(table[i].second));
    }
  }
  return 1;
}

/// Sites that share a stream, beside their scalar double.
class Tema : public ::testing::Test {
 protected:
  void start(const std::string& text) {
    rule_ = parse_rule(text);
    sites_.clear();
    targets_.clear();
    const at::Tensor stream = at::zeros({state_size(rule_).stream}, at::kDouble);
    for (std::size_t s = 0; s < kSites; ++s) {
      sites_.push_back(fresh_state(rule_, kChannels));
      sites_.back().stream = stream;
      targets_.push_back(published() ? std::vector<Pair>(kChannels, Pair{0, 1}) : source_of(s));
    }
    before_.clear();
  }

  [[nodiscard]] bool published() const { return std::get<rule::Tema>(rule_).published; }

  /// Moves each image by a shift of its own at each site.
  [[nodiscard]] static Batch at_site(const Batch& batch, std::size_t site) {
    return Batch(batch.tensor() * (1 + 0.2 * static_cast<double>(site)) + static_cast<double>(site * site));
  }

  Moments feed(const Batch& batch, std::size_t site) {
    return step(rule_, tensors(source_of(site)), eps_tensor(), image_moments(batch.tensor()), sites_[site]);
  }

  double distance(std::size_t site) const {
    double sum = 0;
    for (std::size_t c = 0; c < kChannels; ++c) {
      const Pair s = source_of(site)[c];
      const Pair t = targets_[site][c];
      const double vs = s.var + kEps;
      const double vt = t.var + kEps;
      const double square = (s.mean - t.mean) * (s.mean - t.mean);
      const double forth = (std::log(vt / vs) + (vs + square) / vt - 1) / 2;
      const double back = (std::log(vs / vt) + (vt + square) / vs - 1) / 2;
      sum += forth / 2 + back / 2;
    }
    return sum;
  }

  [[nodiscard]] double share(double d) const {
    if (before_.empty()) {
      return 0.25;
    }
    double mean = 0;
    for (const double x : before_) {
      mean += x / kSites;
    }
    double var = 0;
    for (const double x : before_) {
      var += (x - mean) * (x - mean) / (kSites - 1);
    }
    const double z = std::min(1.0, std::max(-1.0, (d - mean) / std::sqrt(var)));
    return 0.5 * (z + 1) / 2;
  }

  void follow(const Batch& images, const std::string& where) {
    begin(rule_, sites_[0].stream, true);
    std::vector<double> now;
    for (std::size_t s = 0; s < kSites; ++s) {
      const Batch batch = at_site(images, s);
      const double m = momentum_of(static_cast<double>(batch.images()));
      const Moments used = feed(batch, s);
      for (std::size_t c = 0; c < kChannels; ++c) {
        const Pair b = unbiased(batch, s, c);
        Pair& t = targets_[s][c];
        t = {(1 - m) * t.mean + m * b.mean, (1 - m) * t.var + m * b.var};
      }
      now.push_back(distance(s));
      const double w = share(published() && !before_.empty() ? before_[s] : now.back());
      EXPECT_NEAR(sites_[s].counters[StateSize{}.counters + kShare].item<double>(), w, 1e-9) << where << ", site " << s;
      expect_used(
          used, batch,
          [&](std::size_t, std::size_t c) {
            const Pair src = source_of(s)[c];
            const Pair t = targets_[s][c];
            const double apart = src.mean - t.mean;
            return Pair{w * src.mean + (1 - w) * t.mean, w * src.var + (1 - w) * t.var + w * (1 - w) * apart * apart};
          },
          where + ", site " + std::to_string(s));
    }
    before_ = now;
  }

  static Pair unbiased(const Batch& batch, std::size_t site, std::size_t c) {
    const Pair b = batch.pooled(c);
    const auto n = static_cast<double>(batch.images() * batch.pixels());
    return {b.mean, n == 1 ? source_of(site)[c].var : b.var * n / (n - 1)};
  }

  Rule rule_;
  std::vector<SiteState> sites_;
  std::vector<std::vector<Pair>> targets_;
  std::vector<double> before_;  ///< distances of the forward before
};

TEST_F(Tema, FollowsItsFormula) {
  for (const char* text : {"tema", "tema:published"}) {
    start(text);
    int index = 0;
    for (const Batch& batch : batches()) {
      follow(batch, std::string(text) + ", batch " + std::to_string(index++));
    }
  }
}

TEST_F(Tema, MomentaAreThePublishedOnes) {
  // At the source with a batch of momentum m, one step leaves the mean at m of the batch's.
  const auto momentum = [&](const std::string& text, std::int64_t images) {
    start(text);
    begin(rule_, sites_[0].stream, true);
    feed(Batch(tensors(source_of(0)).mean.view({1, -1, 1}).expand({images, -1, 4}).contiguous() + 1), 0);
    return (sites_[0].running[0] - tensors(source_of(0)).mean)[0].item<double>();
  };
  for (const auto& [n, cifar, imagenet] : std::vector<std::tuple<std::int64_t, double, double>>{
           {1, 0.01, 0.01}, {2, 0.01, 0.01}, {4, 0.1, 0.01}, {16, 0.1, 0.1}, {64, 1, 0.1}, {200, 1, 1}, {500, 1, 1}}) {
    EXPECT_NEAR(momentum("tema", n), cifar, 1e-12) << n;
    EXPECT_NEAR(momentum("tema:table=imagenet", n), imagenet, 1e-12) << n;
  }
  EXPECT_NEAR(momentum("tema", 32), std::sqrt(0.1), 1e-12);  // half way between 16 and 64 in the logarithm
}

TEST_F(Tema, TheFirstImagesAreNotNormalisedWithMeanZero) {
  const auto off = [&](const char* text) {
    Site site(text);
    const at::Tensor x = source_moments().mean.view({1, -1, 1}) + at::randn({1, kChannels, 8}, at::kDouble);
    const at::Tensor mean = site.feed(x).mean;
    return ((mean - source_moments().mean) / source_moments().var.sqrt()).abs().max().item<double>();
  };
  EXPECT_LT(off("tema"), 0.1);
  EXPECT_GT(off("tema:published"), 4);
}

TEST_F(Tema, SettledIsWhatTheLastBatchWasNormalisedWith) {
  for (const char* text : {"tema", "tema:published"}) {
    Site site(text);
    Moments used;
    for (const Batch& batch : batches()) {
      used = site.feed(batch.tensor());
    }
    EXPECT_TRUE(site.settled().mean.allclose(used.mean, 1e-12, 1e-12));
    EXPECT_TRUE(site.settled().var.allclose(used.var, 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace ttscale::stats::testing
