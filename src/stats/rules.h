// SPDX-License-Identifier: MIT
// What a rule is to the operator: a pure function of source moments, batch moments and the stream's state. One file a
// rule in rules/.
#pragma once

#include <ATen/core/Tensor.h>

#include "stats/moments.h"
#include "ttscale/rule.h"

namespace ttscale::stats {

/// What a rule sees at one site for one batch.
struct RuleInput {
  Moments source;
  BatchMoments batch;
  Moments running;     ///< the state, [C]; the source before the first batch
  at::Tensor images;   ///< [] images in the state
  at::Tensor batches;  ///< [] batches in the state
};

/// What it answers. A rule without state returns `running` as it came.
struct RuleOutput {
  Moments used;     ///< to normalise this batch with, [C] or [N, C]
  Moments running;  ///< next state, [C]
};

RuleOutput evaluate(const rule::Source& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Batch& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Prior& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Alpha& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Ema& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Cumulative& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Dua& rule, const RuleInput& in);

/// The state of one site in tensors that are updated in place: float64, same device as the activations. All zero is
/// "nothing seen yet".
struct SiteState {
  at::Tensor running;   ///< [2, C] running mean and variance
  at::Tensor counters;  ///< [3] images, batches, batches rejected
  at::Tensor
      last;  ///< [4, C] of the last batch: its mean and biased variance, the mean and variance it was normalised with
};

/// Evaluates a rule for a batch, protects degenerate cases and advances the state in place. Returns the moments to
/// normalise with.
///  - Images with NaN or Inf count for nothing; a batch that holds any leaves `running` untouched and counts as
///  rejected.
///  - Without a finite image: the stream's statistics so far, or the source's for a rule without state.
///  - With part=mean or part=variance the other one is the source's.
///  - A dead channel, whose variance in the batch is below `kDeadShare` of its source's, counts with the source
///  variance: its noise is never amplified.
Moments step(const Rule& rule, const Moments& source, const ImageMoments& images, SiteState& state);

/// A channel at 1e-5 of its source variance holds less than half a grey level of contrast for 8-bit images of ordinary
/// contrast (standard deviation 0.25): what is left is noise. Published shifts stay well above (contrast at severity 5
/// of ImageNet-C: 2.5e-3).
inline constexpr double kDeadShare = 1e-5;

/// `moments` where the rule follows the stream, else `source`.
Moments select_part(const Rule& rule, const Moments& source, const Moments& moments);

/// Whether the rule carries statistics from batch to batch.
bool has_state(const Rule& rule);

/// The eps that replaces the layer's own, if the rule sets one.
std::optional<double> eps_override(const Rule& rule);

}  // namespace ttscale::stats
