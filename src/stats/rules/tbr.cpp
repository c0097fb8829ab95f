// SPDX-License-Identifier: MIT
// tbr: test-time batch renormalisation (Zhao et al. 2023, "DELTA: degradation-free fully test-time adaptation").
// Without gradients y = ((x - mb) / sb * r + d) with r = sb / sr, d = (mb - mr) / sr is (x - mr) / sr: the rule
// normalises with the moving averages of mean and of standard deviation (eps included) of the batches before.
//
// Published: the averages start at the first batch, which is then normalised with itself; whatever class or domain
// fills it weighs (1 - momentum)^k after k batches. Here they start at the source.
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Tbr& rule, const RuleInput& in) {
  const Moments& batch = in.batch.pooled;
  const Moments now = rule.published ? where(in.batches > 0, in.running, batch) : in.running;
  const auto deviation = [&](const Moments& m) { return (m.var + in.eps).sqrt(); };
  const at::Tensor std = deviation(now) + rule.momentum * (deviation(batch) - deviation(now));
  return {now, {now.mean + rule.momentum * (batch.mean - now.mean), (std.square() - in.eps).clamp_min(0)}};
}

}  // namespace ttscale::stats
