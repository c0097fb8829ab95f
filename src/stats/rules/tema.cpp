// SPDX-License-Identifier: MIT
// tema: a moving average t of the stream beside the source s (Su et al. 2024, "Unraveling batch normalization for
// realistic test-time adaptation"). The average's momentum follows the batch size n; with D = KL(s, t) / 2 +
// KL(t, s) / 2 of two Gaussians with independent channels, the source's share is
//   w = (clip(z, -1, 1) + 1) / 4,  z: D standardised over the sites (unbiased deviation),
// from 0 to 1/2: the sites that have moved most keep most of the source. Used are
//   mean = w ms + (1 - w) mt,  var = w vs + (1 - w) vt + w (1 - w) (ms - mt)^2; vt is an average of unbiased variances.
// The paper has momenta for n = 1, 2, 4, 16, 64, 200; between them the logarithm of the momentum is linear in the
// logarithm of n, beyond them it is constant. Its two tables, for models of CIFAR and of ImageNet, are `table`.
//
// The paper takes two forwards a batch: one to measure D at all sites, one to predict. Here a batch has one forward,
// and z takes mean and deviation over the sites from the forward before; D is of this batch. Before there is a forward,
// and in models of one site, w = 1/4.
//
// Published: t starts at mean 0, variance 1, whatever the model: with small momenta the first hundreds of images are
// normalised wrongly. Here it starts at the source. For want of the second forward `published` takes all of w from the
// forward before, as the authors' first forward does; their average of w over batches (0.9), which a reset of the model
// forgets to reset, has no part in predictions and is left out.
#include <ATen/ATen.h>

#include <array>
#include <cmath>

#include "stats/rules.h"
#include "stats/rules/tema_state.h"

namespace ttscale::stats {
namespace {

using namespace tema_state;

struct Knot {
  double images, momentum;
};

/// The published momenta of batches of so many images.
std::array<Knot, 6> knots(MomentumTable table) {
  const bool cifar = table == MomentumTable::kCifar;
  return {{{1, 0.01}, {2, 0.01}, {4, cifar ? 0.1 : 0.01}, {16, 0.1}, {64, cifar ? 1 : 0.1}, {200, 1}}};
}

/// [] for [] images.
at::Tensor momentum(MomentumTable table, const at::Tensor& images) {
  const auto points = knots(table);
  const at::Tensor x = images.clamp(points.front().images, points.back().images).log();
  at::Tensor y = at::full_like(x, std::log(points.front().momentum));
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double from = std::log(points[i - 1].images);
    const double width = std::log(points[i].images) - from;
    y = y + ((x - from) / width).clamp(0, 1) * std::log(points[i].momentum / points[i - 1].momentum);
  }
  return y.exp();
}

/// D over the channels; those without variance in the source tell nothing.
at::Tensor distance(const Moments& source, const Moments& target, const at::Tensor& eps) {
  constexpr double kTiny = 1e-300;
  const at::Tensor vs = source.var + eps;
  const at::Tensor vt = (target.var + eps).clamp_min(kTiny);
  const at::Tensor square = (source.mean - target.mean).square();
  const at::Tensor each = ((vs + square) / vt + (vt + square) / vs - 2) / 4;
  return at::where(source.var > 0, each, at::zeros({}, each.options())).sum();
}

at::Tensor share_of(const at::Tensor& distance, const at::Tensor& stream) {
  const at::Tensor z = (distance - stream[kMean]) / stream[kDeviation];
  return at::where(stream[kDeviation] > 0, (z.clamp(-1, 1) + 1) / 4, 0.25);
}

Moments mixed(const Moments& target, const Moments& source, const at::Tensor& share) {
  return mix(target, source, share, Mixing::kTotal);
}

}  // namespace

StateSize state_size(const rule::Tema&) {
  StateSize size;
  size.counters += kNumbers;
  size.stream = kStreamNumbers;
  return size;
}

void begin(const rule::Tema&, at::Tensor& stream, bool) {
  const at::Tensor sites = stream[kSites];
  const at::Tensor mean = stream[kSum] / sites.clamp_min(1);
  const at::Tensor deviation =
      ((stream[kSquares] - stream[kSum] * mean).clamp_min(0) / (sites - 1).clamp_min(1)).sqrt();
  // Without a forward since the last begin() what is known stays known.
  const at::Tensor measured = sites > 0;
  stream[kMean].copy_(at::where(measured, mean, stream[kMean]));
  stream[kDeviation].copy_(at::where(measured, deviation, stream[kDeviation]));
  stream.narrow(0, 0, kForward).zero_();
}

RuleOutput evaluate(const rule::Tema& rule, const RuleInput& in) {
  const Moments batch = estimate(in.batch, in.source, Variance::kUnbiased);
  const Moments standard{at::zeros_like(in.source.mean), at::ones_like(in.source.var)};
  const Moments before = rule.published ? where(in.batches > 0, in.running, standard) : in.running;
  const Moments target = mix(before, batch, momentum(rule.table, in.batch.images), Mixing::kConvex);
  const at::Tensor d = distance(in.source, target, in.eps);
  const at::Tensor known = in.batches > 0;
  const at::Tensor last = at::where(known, share_of(in.numbers[kDistance], in.stream), 0.25);
  const at::Tensor share = rule.published ? last : share_of(d, in.stream);

  RuleOutput out{mixed(target, in.source, share), target};
  out.numbers = at::stack({d, share});
  out.stream = at::stack({in.stream[kSites] + 1, in.stream[kSum] + d, in.stream[kSquares] + d.square()});
  return out;
}

Moments settled(const rule::Tema&, const Moments& source, const at::Tensor&, const SiteState& state) {
  const at::Tensor share = state.counters[StateSize{}.counters + kShare];
  return mixed({state.running[0], state.running[1]}, source, share);
}

}  // namespace ttscale::stats
