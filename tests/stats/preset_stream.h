// SPDX-License-Identifier: MIT
// A site under a rule beside the same values as plain numbers, over batches of many sizes.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats::testing {

struct Pair {
  double mean, var;
};

inline constexpr std::size_t kChannels = 3;
inline constexpr double kEps = 1e-3;

/// Source moments of each channel, so that channels differ in place and width.
inline const std::vector<Pair>& source_pairs() {
  static const std::vector<Pair> pairs{{0.4, 1.7}, {-3, 0.2}, {20, 9}};
  return pairs;
}

inline Moments source_moments() {
  at::Tensor mean = at::empty({kChannels}, at::kDouble);
  at::Tensor var = at::empty({kChannels}, at::kDouble);
  for (std::size_t c = 0; c < kChannels; ++c) {
    mean[static_cast<std::int64_t>(c)] = source_pairs()[c].mean;
    var[static_cast<std::int64_t>(c)] = source_pairs()[c].var;
  }
  return {mean, var};
}

inline at::Tensor eps_tensor() { return at::full({}, kEps, at::kDouble); }

/// A batch [N, C, pixels], and its moments by plain loops.
class Batch {
 public:
  explicit Batch(const at::Tensor& values) : values_(values.contiguous()) {}

  [[nodiscard]] const at::Tensor& tensor() const { return values_; }
  [[nodiscard]] std::size_t images() const { return static_cast<std::size_t>(values_.size(0)); }
  [[nodiscard]] std::size_t pixels() const { return static_cast<std::size_t>(values_.size(2)); }

  /// Biased moments of one image.
  [[nodiscard]] Pair image(std::size_t i, std::size_t c) const { return moments(of_image(i, c)); }
  /// Biased moments of all images.
  [[nodiscard]] Pair pooled(std::size_t c) const { return moments(of_channel(c)); }
  /// As `image`, but with the source's variance where there is none.
  [[nodiscard]] Pair living_image(std::size_t i, std::size_t c) const { return living(image(i, c), c); }
  [[nodiscard]] Pair living_pooled(std::size_t c) const { return living(pooled(c), c); }

  /// n / (n - 1) times the variance; the source's for a single value and for a variance that is none.
  [[nodiscard]] Pair unbiased_image(std::size_t i, std::size_t c) const {
    return bessel(image(i, c), c, static_cast<double>(pixels()));
  }
  [[nodiscard]] Pair unbiased_pooled(std::size_t c) const {
    return bessel(pooled(c), c, static_cast<double>(images() * pixels()));
  }

  [[nodiscard]] std::vector<double> of_image(std::size_t i, std::size_t c) const {
    const double* first = values_.data_ptr<double>() + (i * kChannels + c) * pixels();
    return {first, first + pixels()};
  }
  [[nodiscard]] std::vector<double> of_channel(std::size_t c) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < images(); ++i) {
      const std::vector<double> image = of_image(i, c);
      out.insert(out.end(), image.begin(), image.end());
    }
    return out;
  }

 private:
  static Pair moments(const std::vector<double>& values) {
    Pair out{0, 0};
    for (const double x : values) {
      out.mean += x / static_cast<double>(values.size());
    }
    for (const double x : values) {
      out.var += (x - out.mean) * (x - out.mean) / static_cast<double>(values.size());
    }
    return out;
  }
  static Pair living(const Pair& p, std::size_t c) {
    return {p.mean, p.var < kDeadShare * source_pairs()[c].var ? source_pairs()[c].var : p.var};
  }
  static Pair bessel(const Pair& p, std::size_t c, double n) {
    return n == 1 || p.var < kDeadShare * source_pairs()[c].var ? living({p.mean, 0}, c)
                                                                : Pair{p.mean, p.var * n / (n - 1)};
  }

  at::Tensor values_;
};

/// Batches of one image, of images of one pixel, and of both, among others; shifted and widened, each a little more.
inline std::vector<Batch> batches() {
  at::manual_seed(3);
  std::vector<Batch> out;
  double step = 0;
  for (const auto& [images, pixels] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {5, 6}, {1, 6}, {3, 1}, {1, 1}, {4, 9}, {2, 6}, {1, 16}, {70, 2}}) {
    const at::Tensor noise = at::randn({images, kChannels, pixels}, at::kDouble);
    const at::Tensor shift = at::randn({images, kChannels, 1}, at::kDouble) * 0.5;
    const Moments source = source_moments();
    out.emplace_back(source.mean.view({1, -1, 1}) +
                     source.var.sqrt().view({1, -1, 1}) * (noise * (0.7 + 0.1 * step) + shift + 0.2 * step));
    step += 1;
  }
  return out;
}

inline ImageMoments image_moments(const at::Tensor& x) {
  const at::Tensor known = x.index({x.isfinite().all(2).all(1)});
  at::Tensor medians = at::full({2, x.size(1)}, std::nan(""), at::kDouble);
  if (known.size(0) > 0) {
    const at::Tensor sorted = std::get<0>(known.transpose(0, 1).flatten(1).sort(1));
    const std::int64_t n = sorted.size(1);
    medians = at::stack({sorted.select(1, (n - 1) / 2), sorted.select(1, n / 2)});
  }
  return {{x.mean(2), x.var(2, false)}, x.size(2), medians};
}

inline SiteState fresh_state(const Rule& rule, std::int64_t channels) {
  const StateSize size = state_size(rule);
  return {at::zeros({size.rows, channels}, at::kDouble), at::zeros({size.counters}, at::kDouble),
          at::zeros({4, channels}, at::kDouble), at::zeros({size.stream}, at::kDouble)};
}

/// One site under a rule.
class Site {
 public:
  explicit Site(const std::string& rule) : rule_(parse_rule(rule)), state_(fresh_state(rule_, kChannels)) {}

  Moments feed(const at::Tensor& x) {
    begin(rule_, state_.stream, true);
    return step(rule_, source_moments(), eps_tensor(), image_moments(x), state_);
  }

  [[nodiscard]] Moments settled() const { return stats::settled(rule_, source_moments(), eps_tensor(), state_); }
  SiteState& state() { return state_; }

 private:
  Rule rule_;
  SiteState state_;
};

/// What is used for an image and channel, as a scalar reference says it.
using Expected = std::function<Pair(std::size_t image, std::size_t channel)>;

inline void expect_used(const Moments& used, const Batch& batch, const Expected& expected, const std::string& where) {
  const auto size = static_cast<std::int64_t>(batch.images());
  const at::Tensor mean = used.mean.dim() == 2 ? used.mean : used.mean.expand({size, -1});
  const at::Tensor var = used.var.dim() == 2 ? used.var : used.var.expand({size, -1});
  for (std::size_t i = 0; i < batch.images(); ++i) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      const auto at = [&](const at::Tensor& t) {
        return t[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(c)].item<double>();
      };
      const Pair want = expected(i, c);
      ASSERT_NEAR(at(mean), want.mean, 1e-10) << where << ", image " << i << ", channel " << c;
      ASSERT_NEAR(at(var), want.var, 1e-10) << where << ", image " << i << ", channel " << c;
    }
  }
}

/// Feeds all batches; `reference` sees each batch once and answers for its images.
inline void expect_follows(const std::string& rule, const std::function<Expected(const Batch&)>& reference) {
  Site site(rule);
  int index = 0;
  for (const Batch& batch : batches()) {
    const Expected expected = reference(batch);
    expect_used(site.feed(batch.tensor()), batch, expected, rule + ", batch " + std::to_string(index++));
  }
}

}  // namespace ttscale::stats::testing
