// SPDX-License-Identifier: MIT
// alpha: a fixed share of the batch beside the source (You et al. 2021, "Test-time batch statistics calibration for
// covariate shift").
#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Alpha& rule, const RuleInput& in) {
  return {mix(in.source, estimate(in.batch, in.source, rule.variance), rule.weight, rule.mixing), in.running};
}

}  // namespace ttscale::stats
