// SPDX-License-Identifier: MIT
// auto at one site: the stream's statistics, trusted as far as they have moved, as many images as they rest on, and
// blended with each image's own. Our own rule; what it draws on: the source as a number of images (Schneider et al.
// 2020), per-image statistics beside those of a stream (Gong et al. 2022, "NOTE"), law of total variance.
#include <ATen/ATen.h>

#include "stats/rules.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_constants;
using namespace auto_state;

// Moments are kept as (m, q): mean and second moment about the source mean in units of the source's standard deviation
// with eps. The source itself is (0, 1), and linear mixing of (m, q) is the law of total variance.
struct Pair {
  at::Tensor m, q;
  [[nodiscard]] at::Tensor var() const { return (q - m.square()).clamp_min(0); }
  [[nodiscard]] Moments moments() const { return {m, (q - m.square()).clamp_min(kSmallestVariance)}; }
};

/// Changes between natural and source units.
class Units {
 public:
  Units(const Moments& source, const at::Tensor& eps)
      : mean_(source.mean),
        eps_(eps),
        square_(source.var + eps),
        unit_(square_.sqrt()),
        dead_(square_ < kSmallestUnit) {}

  [[nodiscard]] Pair to_source(const Moments& x) const {
    const at::Tensor m = ((x.mean - mean_) / unit_).masked_fill(dead_, 0);
    return {m, ((x.var + eps_) / square_).masked_fill(dead_, 1) + m.square()};
  }
  [[nodiscard]] Moments from_source(const Moments& x) const {
    return {mean_ + x.mean * unit_, (square_ * x.var - eps_).clamp_min(0)};
  }

 private:
  at::Tensor mean_, eps_, square_, unit_, dead_;
};

at::Tensor distance(const Moments& a, const Moments& b) { return hellinger(a, b).mean(-1); }

Moments at_source(const at::Tensor& like) { return {at::zeros_like(like), at::ones_like(like)}; }

/// The finite images of a batch in source units; others are at the source and weigh nothing.
struct Images {
  Pair each;          ///< [N, C]
  at::Tensor finite;  ///< [N], 1 or 0
  Pair mean;          ///< [C]
  Pair square;        ///< [C]: means of the squares
  at::Tensor count;   ///< []
};

Images images_of(const RuleInput& in, const Units& units) {
  const Pair pair = units.to_source(in.images);
  const auto both_finite = [](const at::Tensor& a, const at::Tensor& b) {
    return a.isfinite().logical_and_(b.isfinite()).all(1, /*keepdim=*/true);
  };
  const at::Tensor finite = both_finite(in.images.mean, in.images.var)
                                .logical_and_(both_finite(pair.m, pair.q));  // dead channels have no units
  const Pair each{at::where(finite, pair.m, at::zeros_like(pair.m)), at::where(finite, pair.q, at::ones_like(pair.q))};
  const at::Tensor weight = finite.to(at::kDouble) / in.batch.images.clamp_min(1);
  const auto mean = [&](const at::Tensor& t) { return (t * weight).sum(0); };
  return {each,
          finite.squeeze(1).to(at::kDouble),
          {mean(each.m), mean(each.q)},
          {mean(each.m.square()), mean(each.q.square())},
          in.batch.images};
}

at::Tensor smoothed_spread(const at::Tensor& numbers) {
  return (numbers[kSpread] + kPhantomImages * kPhantomSpread) / (numbers[kSpreadCount] + kPhantomImages);
}

/// Images that a history of `total` is worth: images of one class repeat each other.
at::Tensor effective(const rule::Auto& rule, const at::Tensor& total, const at::Tensor& stream, std::int64_t batch) {
  const at::Tensor unknown = at::full_like(total, batch > kFirstLookImages ? rule.concentration : 0);
  const at::Tensor concentration = at::where(stream[kLooked] > 0, stream[kConcentration], unknown);
  return 1 / (1 / total.clamp_min(1) + rule.correlation * concentration);
}

/// Distance from the source, less that which so few images have from a source that they come from.
at::Tensor moved(const Pair& stream, const at::Tensor& spread, const at::Tensor& images) {
  return (distance({stream.m, stream.var()}, at_source(stream.m)) - spread / images).clamp_min(0);
}

/// Weight of the stream's statistics: large shifts count, few images do not.
at::Tensor weight(const rule::Auto& rule, const at::Tensor& shift, const at::Tensor& images) {
  const at::Tensor h = (shift / rule.shift).square();
  return rule.weight * h / (1 + h) * images / (images + rule.count);
}

/// Between the source (0, 1) and (m, v) with weight w. Variances are mixed by their logarithms: a linear mix of 1 and a
/// hundredth is still most of 1, and the outputs of every layer stay as faint as the shift made them.
Moments mix(const Moments& target, const at::Tensor& w) {
  return {w * target.mean, target.var.clamp_min(kSmallestVariance).pow(w)};
}

/// What a site makes of a batch, step by step.
class Site {
 public:
  Site(const rule::Auto& rule, const RuleInput& in)
      : rule_(rule),
        in_(in),
        units_(in.source, in.eps),
        images_(images_of(in, units_)),
        old_(units_.to_source(in.running)) {
    out_.numbers = in.numbers.clone();
  }

  RuleOutput run() {
    const at::Tensor keep = detect_change();
    add_to_history(keep);
    measure_spread();
    use();
    return out_;
  }

 private:
  /// Share of the history to keep: less than all if a block of images lies farther from it than blocks of this stream
  /// usually do, or than the images lie from their block, judged over the sites so far. The first notices small changes
  /// of a steady stream, the second goes on noticing large ones where changes are usual.
  at::Tensor detect_change() {
    // A batch that is a block by itself is not mixed with what a smaller one before it has left over.
    const at::Tensor left = (images_.count < rule_.block).to(at::kDouble);
    const at::Tensor sums = in_.rows * left + images_.count * at::stack({images_.mean.m, images_.mean.q,
                                                                         images_.square.m, images_.square.q});
    const at::Tensor size = in_.numbers[kBlockImages] * left + images_.count;
    const at::Tensor means = sums / size.clamp_min(1);
    const Pair block{means[kBlockMean], means[kBlockSecond]};
    const at::Tensor sites = in_.stream[kSites] + 1;
    const at::Tensor jumps = in_.stream[kJumpSum] + distance(block.moments(), old_.moments());
    const at::Tensor usual =
        (in_.numbers[kJumps] + kPhantomJumps * rule_.jump) / (in_.numbers[kJumpCount] + kPhantomJumps);
    const at::Tensor jump = (jumps + kPhantomSites * usual) / (sites + kPhantomSites);
    const at::Tensor here = distance_within(block, means) * size / (size - 1).clamp_min(1);
    const at::Tensor all = in_.stream[kWithinSum] + here;
    const at::Tensor within = ((all + kPhantomSites * here) / (sites + kPhantomSites)).clamp_min(kPhantomSpread);
    const at::Tensor few = ((in_.stream[kLatest] - in_.stream[kConcentration]).clamp_min(0) / kFewClasses).square();
    const at::Tensor far = 1 + (kAmongFewClasses - 1) * few / (1 + few);
    const at::Tensor near = at::minimum(rule_.surprise * usual, rule_.distinct * within);
    const at::Tensor threshold = far * near;

    const at::Tensor full = size >= rule_.block;
    const at::Tensor judged = full.logical_and(in_.numbers[kHistory] > 0);
    put(kJumps, at::where(judged, kJumpDecay * in_.numbers[kJumps] + at::minimum(jump, near), in_.numbers[kJumps]));
    put(kJumpCount, at::where(judged, kJumpDecay * in_.numbers[kJumpCount] + 1, in_.numbers[kJumpCount]));
    put(kBlockImages, size * full.logical_not());
    out_.rows = sums * full.logical_not();
    const at::Tensor forgets = 1 / (1 + (jump / threshold).pow(kJumpSteepness));
    at::Tensor keep = at::where(judged, forgets, at::ones_like(forgets));
    out_.stream = at::stack({jumps, all, sites, in_.stream[kKeepSum] + keep});
    return keep;
  }

  /// How far images lie from the mean of their block, as measure_spread() has it, by the means of their squares.
  static at::Tensor distance_within(const Pair& block, const at::Tensor& means) {
    const at::Tensor v = block.var() + kVarianceFloor;
    return ((means[kBlockMeanSquare] - block.m.square()) / (8 * v) +
            (means[kBlockSecondSquare] - block.q.square()) / (16 * v.square()))
        .clamp(0, 1)
        .mean();
  }

  void add_to_history(const at::Tensor& keep) {
    const at::Tensor before = keep * in_.numbers[kHistory];
    total_ = before + images_.count;
    const at::Tensor share = images_.count / total_.clamp_min(1);  // without any image nothing moves
    stream_ = {old_.m + share * (images_.mean.m - old_.m), old_.q + share * (images_.mean.q - old_.q)};
    const at::Tensor& memory = in_.stream[kMemory];
    put(kHistory, at::minimum(total_, at::where(memory > 0, memory, at::full_like(memory, rule_.memory))));
    out_.running = units_.from_source({stream_.m, stream_.var()});
  }

  /// How far images lie from their stream: the squared Hellinger distance to second order, and bounded.
  void measure_spread() {
    const at::Tensor v = stream_.var() + kVarianceFloor;
    const at::Tensor each =
        ((images_.each.m - stream_.m).square() / (8 * v) + (images_.each.q - stream_.q).square() / (16 * v.square()))
            .clamp_max(1)
            .mean(1);
    const at::Tensor sum = (each * images_.finite).sum();  // n times the mean; n / (n - 1): the stream has seen them
    const at::Tensor n = images_.count;
    const at::Tensor spread = kSpreadDecay * in_.numbers[kSpread] + sum * n / (n - 1).clamp_min(1);
    const at::Tensor images = kSpreadDecay * in_.numbers[kSpreadCount] + n;
    put(kSpread, spread);
    put(kSpreadCount, images);
    spread_ = smoothed_spread(out_.numbers);
  }

  void use() {
    const at::Tensor own = own_share();
    const Pair mixed{stream_.m + own * (images_.each.m - stream_.m), stream_.q + own * (images_.each.q - stream_.q)};
    const at::Tensor images = effective(rule_, total_, in_.stream, images_.each.m.size(0));
    const at::Tensor w = weight(rule_, shift_of(mixed, images), images).unsqueeze(1);
    out_.used = units_.from_source(mix({mixed.m, mixed.var()}, w));
  }

  /// Share of an image's own statistics: large where the images of the stream differ, and where its map is large. Those
  /// of a small map say what is in the image rather than how it was taken, and taking them out takes out the class.
  [[nodiscard]] at::Tensor own_share() const {
    if (rule_.spread == 0) {
      return at::zeros_like(spread_);
    }
    const auto positions = static_cast<double>(in_.batch.pixels);
    return spread_ / (spread_ + rule_.spread) * (positions / (positions + rule_.positions));
  }

  /// [N]: how far the stream has moved, as each image sees it. An image that is nearer to the source than its stream is
  /// lowers its own.
  [[nodiscard]] at::Tensor shift_of(const Pair& mixed, const at::Tensor& images) const {
    const Moments source = at_source(mixed.m);
    at::Tensor shift = moved(mixed, spread_, images);
    if (rule_.restraint == 0) {
      return shift;
    }
    const Moments stream{stream_.m, stream_.var()};
    const Moments own = images_.each.moments();
    const at::Tensor of_stream = distance(stream, at_source(stream_.m));
    const at::Tensor nearer = distance(own, source) - distance(own, stream) - of_stream;
    return shift * (1 + rule_.restraint * nearer / (of_stream + kDistanceFloor)).clamp(0, 1);
  }

  void put(Number number, const at::Tensor& value) { out_.numbers[number].copy_(value); }

  const rule::Auto& rule_;
  const RuleInput& in_;
  Units units_;
  Images images_;
  Pair old_;           ///< the stream before this batch
  Pair stream_;        ///< and with it, [C]
  at::Tensor total_;   ///< images of the history with this batch
  at::Tensor spread_;  ///< [] of the images about their stream
  RuleOutput out_;
};

}  // namespace

RuleOutput evaluate(const rule::Auto& rule, const RuleInput& in) { return Site(rule, in).run(); }

Moments settled(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const SiteState& state) {
  const Units units(source, eps);
  const Pair stream = units.to_source({state.running[0], state.running[1]});
  const at::Tensor numbers = state.counters.narrow(0, StateSize{}.counters, kNumbers);
  const at::Tensor images = effective(rule, numbers[kHistory], state.stream, 0);
  const at::Tensor w = weight(rule, moved(stream, smoothed_spread(numbers), images), images);
  return units.from_source(mix({stream.m, stream.var()}, w));
}

}  // namespace ttscale::stats
