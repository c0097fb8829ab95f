// SPDX-License-Identifier: MIT
// ema: exponential moving average from the source on, in one pass (Mancini et al. 2018, "Kitting in the wild through
// online domain adaptation").
#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Ema& rule, const RuleInput& in) {
  const Moments next = mix(in.running, estimate(in.batch, in.source, rule.variance), rule.momentum, rule.mixing);
  return {rule.order == Order::kUpdateUse ? next : in.running, next};
}

}  // namespace ttscale::stats
