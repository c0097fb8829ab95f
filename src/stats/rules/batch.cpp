// SPDX-License-Identifier: MIT
// batch: the statistics of the batch alone, as BatchNorm in training mode uses them (Nado et al. 2020, "Evaluating
// prediction-time batch normalization for robustness under covariate shift").
#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Batch& rule, const RuleInput& in) {
  return {estimate(in.batch, in.source, rule.variance), in.running};
}

}  // namespace ttscale::stats
