// SPDX-License-Identifier: MIT
// cumulative: the mean over all images so far. Batches weigh by their images, so that a short last batch does not count
// like a full one.
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Cumulative& rule, const RuleInput& in) {
  const at::Tensor n = in.batch.images;
  const at::Tensor w = n / (rule.count + in.seen + n);
  const Moments next = mix(in.running, estimate(in.batch, in.source, rule.variance), w, rule.mixing);
  return {rule.order == Order::kUpdateUse ? next : in.running, next};
}

}  // namespace ttscale::stats
