// SPDX-License-Identifier: MIT
// dua: a moving average whose momentum decays (Mirza et al. 2022, "The norm must go on: dynamic unsupervised domain
// adaptation by normalization").
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Dua& rule, const RuleInput& in) {
  // rho_k = initial * decay^k with k = 1 for the first batch, kept as a function of the batch counter: no state of its
  // own.
  const at::Tensor momentum = at::pow(rule.decay, in.batches + 1) * rule.initial + rule.floor;
  const Moments next = mix(in.running, estimate(in.batch, in.source, rule.variance), momentum, rule.mixing);
  return {rule.order == Order::kUpdateUse ? next : in.running, next};
}

}  // namespace ttscale::stats
