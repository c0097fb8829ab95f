// SPDX-License-Identifier: MIT
// auto at one site: the stream's statistics, trusted as far as they have moved, as many images as they rest on, and
// blended with each image's own. Our own rule; what it draws on: the source as a number of images (Schneider et al.
// 2020), per-image statistics beside those of a stream (Gong et al. 2022, "NOTE"), law of total variance.
#include <limits>

#include <ATen/ATen.h>

#include "stats/rules.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_neighbours.h"
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

/// What a share of the images that are one image is more for their classes: images of one class repeat each other.
at::Tensor repetition(const rule::Auto& rule, const at::Tensor& stream, std::int64_t batch) {
  const at::Tensor unknown = at::full_like(stream[kLooked], batch > kFirstLookImages ? rule.concentration : 0);
  return rule.correlation * at::where(stream[kLooked] > 0, stream[kConcentration], unknown);
}

/// Images that a history of `total` is worth.
at::Tensor effective(const rule::Auto& rule, const at::Tensor& total, const at::Tensor& stream, std::int64_t batch) {
  return 1 / (1 / total.clamp_min(1) + repetition(rule, stream, batch));
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
    follow_stream();
    find_neighbours();
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
    const at::Tensor sums =
        in_.rows.narrow(0, 0, kRows) * left +
        images_.count * at::stack({images_.mean.m, images_.mean.q, images_.square.m, images_.square.q});
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
    const at::Tensor far = 1 + (rule_.few_classes - 1) * few / (1 + few);
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
    out_.stream =
        at::stack({jumps, all, sites, in_.stream[kKeepSum] + keep, in_.stream[kCompared], in_.stream[kImages]});
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
    const at::Tensor& memory = in_.stream[kRemembered];
    put(kHistory, at::minimum(total_, at::where(memory > 0, memory, at::full_like(memory, rule_.memory))));
    out_.running = units_.from_source({stream_.m, stream_.var()});
  }

  /// [N]: the squared Hellinger distance from the stream to second order, and bounded.
  [[nodiscard]] at::Tensor from_stream(const Pair& x) const {
    const at::Tensor v = stream_.var() + kVarianceFloor;
    return ((x.m - stream_.m).square() / (8 * v) + (x.q - stream_.q).square() / (16 * v.square())).clamp_max(1).mean(1);
  }

  /// How far images lie from their stream.
  void measure_spread() {
    const at::Tensor sum =
        (from_stream(images_.each) * images_.finite).sum();  // n times the mean; n / (n - 1): the stream has seen them
    const at::Tensor n = images_.count;
    const at::Tensor spread = kSpreadDecay * in_.numbers[kSpread] + sum * n / (n - 1).clamp_min(1);
    const at::Tensor images = kSpreadDecay * in_.numbers[kSpreadCount] + n;
    put(kSpread, spread);
    put(kSpreadCount, images);
    spread_ = smoothed_spread(out_.numbers);
  }

  /// What all images have in common, until they have neighbours.
  void follow_stream() {
    around_ = stream_;
    worth_ = effective(rule_, total_, in_.stream, images_.each.m.size(0));
  }

  /// auto_neighbours.h: [N, C] around_ and [N] worth_ in place of the stream's.
  void find_neighbours() {
    const NeighbourLayout layout(rule_);
    const std::int64_t images = images_.each.m.size(0);
    const std::int64_t slots = layout.slots();
    if (slots == 0 || in_.rows.size(0) == kRows) {
      return;
    }
    // An image that is not finite is at the source here; its batch is refused, and finds nothing.
    const at::Tensor earlier = in_.stream[kImages];  // others here than at the sites before: not comparable
    const at::Tensor active = (in_.batch.images == static_cast<double>(in_.batch.offered))
                                  .logical_and(in_.stream[kHasClasses] > 0)
                                  .logical_and((earlier == 0).logical_or(earlier == static_cast<double>(images)));
    const at::Tensor taken = taken_rows(slots, in_.stream[kBefore], images);
    const auto with_images = [&](std::int64_t first, const at::Tensor& each) {
      const at::Tensor rows = in_.rows.narrow(0, first, slots);
      const at::Tensor last = each.narrow(0, images - taken.size(0), taken.size(0));
      return at::where(active, rows.index_copy(0, taken, last), rows);
    };
    const Pair kept{with_images(kRows, images_.each.m), with_images(kRows + slots, images_.each.q)};
    out_.rows = at::cat({out_.rows, kept.m, kept.q});
    out_.stream[kImages].copy_(
        at::where(active, at::full_like(in_.stream[kImages], static_cast<double>(images)), in_.stream[kImages]));
    if (images > kMostCompared) {
      return;
    }
    out_.stream[kCompared].add_(active);

    const at::Tensor own = own_rows(slots, in_.stream[kBefore], images);
    const at::Tensor distances = add_distances(kept, own, active, layout);
    const at::Tensor weights = neighbour_weights(rule_, distances, own);
    const at::Tensor one_of = weights.square().sum(1);  // 1 / images that they are worth
    const Pair neighbours{at::mm(weights, kept.m), at::mm(weights, kept.q)};
    const auto add = [&](std::int64_t first, const at::Tensor& values) {
      const at::Tensor row = in_.stream.narrow(0, first, images);
      const at::Tensor before = at::where(in_.stream[kCompared] > 0, row, at::zeros_like(row));
      row.copy_(at::where(active, before + values, row));
    };
    add(layout.apart(), (from_stream(neighbours) - spread_ * one_of).clamp_min(0) / spread_);
    add(layout.chance(), one_of);

    const at::Tensor share = neighbour_share(rule_, in_.stream) * active;
    const auto where_shared = [&](const at::Tensor& mixed, const at::Tensor& alone) {
      return at::where(share > 0, mixed, alone);  // else scratch holds anything
    };
    around_ = {where_shared(stream_.m + share * (neighbours.m - stream_.m), stream_.m),
               where_shared(stream_.q + share * (neighbours.q - stream_.q), stream_.q)};
    worth_ =
        where_shared(1 / (share * (one_of + repetition(rule_, in_.stream, images)) + (1 - share) / worth_), worth_);
  }

  /// Adds this site's distances to those of the sites before it, in scratch, and returns all of them, [N, slots].
  at::Tensor add_distances(const Pair& kept, const at::Tensor& own, const at::Tensor& active,
                           const NeighbourLayout& layout) {
    const at::Tensor scale = 1 / (8 * (stream_.var() + kVarianceFloor));
    const auto features = [&](const Pair& x) {
      return at::cat({x.m * scale.sqrt(), x.q * (2 * scale)}, 1).clamp(-kMostDeviations, kMostDeviations);
    };
    const at::Tensor of_images = features(images_.each);
    const at::Tensor of_kept = features(kept);
    const std::int64_t images = of_images.size(0);
    const at::Tensor taken = (kept.q > 0).any(1);
    at::Tensor squares =
        of_images.square().sum(1, /*keepdim=*/true) + of_kept.square().sum(1) - 2 * at::mm(of_images, of_kept.t());
    squares = squares.clamp_min(0).masked_fill(own, 0) / static_cast<double>(kept.m.size(1)) * taken;
    const at::Tensor mean =
        (squares.sum() / (taken.sum().clamp_min(1) * static_cast<double>(images))).clamp_min(kLeastDistance);
    const at::Tensor here = (squares / mean).masked_fill(taken.logical_not(), std::numeric_limits<double>::infinity());
    at::Tensor sum = in_.stream.narrow(0, layout.distances(), images * layout.slots()).view_as(here);
    sum.copy_(at::where(active, at::where(in_.stream[kCompared] > 0, sum, at::zeros_like(sum)) + here, sum));
    return sum;
  }

  void use() {
    const at::Tensor own = own_share();
    const Pair mixed{around_.m + own * (images_.each.m - around_.m), around_.q + own * (images_.each.q - around_.q)};
    const at::Tensor w = weight(rule_, shift_of(mixed), worth_).unsqueeze(1);
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
  [[nodiscard]] at::Tensor shift_of(const Pair& mixed) const {
    const Moments source = at_source(mixed.m);
    at::Tensor shift = moved(mixed, spread_, worth_);
    if (rule_.restraint == 0) {
      return shift;
    }
    const Moments stream{around_.m, around_.var()};
    const Moments own = images_.each.moments();
    const at::Tensor of_stream = distance(stream, at_source(stream.mean));
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
  Pair around_;        ///< the stream, [C], or what stands for it, [N, C]
  at::Tensor worth_;   ///< images that this rests on, [] or [N]
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
