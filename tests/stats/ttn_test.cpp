// SPDX-License-Identifier: MIT
// The rule ttn against plain scalars, and that its weights stay what they are.
#include <array>
#include <limits>

#include "stats/preset_stream.h"

namespace ttscale::stats {
namespace {

using testing::Batch;
using testing::batches;
using testing::kChannels;
using testing::Pair;
using testing::source_pairs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Of each channel: T, the mean squared shift of its mean, and S, the variance between images.
struct Weights {
  std::array<double, kChannels> shift, spread;
};
/// The second channel is one that no shift moves.
constexpr Weights kWeights{{0.3, 0, 2}, {0.5, 0.1, 4}};

at::Tensor rows_of(const Weights& weights) {
  const auto row = [](const std::array<double, kChannels>& values) {
    return at::tensor(std::vector<double>(values.begin(), values.end()), at::kDouble);
  };
  return weight_rows(row(weights.shift), row(weights.spread));
}

class WeighedSite : public testing::Site {
 public:
  explicit WeighedSite(const Weights& weights) : Site("ttn") { own_rows().copy_(rows_of(weights)); }
  at::Tensor own_rows() { return state().running.narrow(0, StateSize{}.rows, 2); }
};

Pair mixture(const Pair& source, const Pair& batch, double a) {
  const double distance = batch.mean - source.mean;
  return {(1 - a) * source.mean + a * batch.mean,
          (1 - a) * source.var + a * batch.var + a * (1 - a) * distance * distance};
}

TEST(Ttn, FollowsItsFormula) {
  WeighedSite site(kWeights);
  for (const Batch& batch : batches()) {
    const auto n = static_cast<double>(batch.images());
    const testing::Expected expected = [&](std::size_t, std::size_t c) {
      const double t = kWeights.shift[c];
      return mixture(source_pairs()[c], batch.living_pooled(c), t == 0 ? 0 : t / (t + kWeights.spread[c] / n));
    };
    testing::expect_used(site.feed(batch.tensor()), batch, expected, std::to_string(batch.images()) + " images");
  }
}

TEST(Ttn, TheWeightHasTheLeastExpectedSquaredError) {
  for (const Batch& batch : batches()) {
    const auto n = static_cast<double>(batch.images());
    const Moments used = WeighedSite(kWeights).feed(batch.tensor());
    for (const std::size_t c : {std::size_t{0}, std::size_t{2}}) {
      const double source = source_pairs()[c].mean;
      const double mean = used.mean[static_cast<std::int64_t>(c)].item<double>();
      const double weight = (mean - source) / (batch.pooled(c).mean - source);
      const auto error = [&](double a) {
        return a * a * kWeights.spread[c] / n + (1 - a) * (1 - a) * kWeights.shift[c];
      };
      EXPECT_LT(error(weight), error(weight - 1e-3)) << n << " images, channel " << c;
      EXPECT_LT(error(weight), error(weight + 1e-3)) << n << " images, channel " << c;
    }
  }
}

TEST(Ttn, NoShiftIsTheSourceAndNoSpreadTheBatch) {
  const Batch batch = batches()[0];
  const Moments still = WeighedSite({{0, 0, 0}, {0, 1, 2}}).feed(batch.tensor());
  EXPECT_TRUE(still.mean.equal(testing::source_moments().mean));
  EXPECT_TRUE(still.var.equal(testing::source_moments().var));
  const Moments sure = WeighedSite({{1, 2, 3}, {0, 0, 0}}).feed(batch.tensor());
  testing::expect_used(
      sure, batch, [&](std::size_t, std::size_t c) { return batch.living_pooled(c); }, "no spread");
}

TEST(Ttn, OnlyFiniteImagesCount) {
  at::Tensor bad = batches()[0].tensor().clone();
  bad[1][2][0] = kNan;
  const at::Tensor good = at::cat({bad.narrow(0, 0, 1), bad.narrow(0, 2, bad.size(0) - 2)});
  const Moments with = WeighedSite(kWeights).feed(bad);
  const Moments without = WeighedSite(kWeights).feed(good);
  EXPECT_TRUE(with.mean.allclose(without.mean, 1e-12, 1e-12));
  EXPECT_TRUE(with.var.allclose(without.var, 1e-12, 1e-12));
  const Moments none = WeighedSite(kWeights).feed(at::full_like(bad, kNan));
  EXPECT_TRUE(none.mean.equal(testing::source_moments().mean));
  EXPECT_TRUE(none.var.equal(testing::source_moments().var));
}

TEST(Ttn, ItsWeightsStayAndNothingElseIsRemembered) {
  WeighedSite site(kWeights);
  const Batch first = batches()[0];
  const Moments before = site.feed(first.tensor());
  for (const Batch& batch : batches()) {
    site.feed(batch.tensor());
    site.feed(at::full_like(batch.tensor(), kNan));
    at::Tensor one = batch.tensor().clone();
    one[0][0][0] = std::numeric_limits<double>::infinity();
    site.feed(one);
  }
  EXPECT_TRUE(site.own_rows().equal(rows_of(kWeights)));
  const Moments after = site.feed(first.tensor());
  EXPECT_TRUE(after.mean.equal(before.mean));
  EXPECT_TRUE(after.var.equal(before.var));
}

TEST(Ttn, ItAloneNeedsWeights) {
  EXPECT_TRUE(needs_weights(parse_rule("ttn")));
  EXPECT_FALSE(has_state(parse_rule("ttn")));
  for (const char* rule : {"source", "batch", "alpha", "auto", "unmixtns", "rotta"}) {
    EXPECT_FALSE(needs_weights(parse_rule(rule))) << rule;
  }
}

}  // namespace
}  // namespace ttscale::stats
