// SPDX-License-Identifier: MIT
// rbn: robust BatchNorm (Yuan et al. 2023, "Robust test-time adaptation in dynamic scenarios", RoTTA): a moving average
// of mean and biased variance, used with the batch already in it. The paper feeds it from a memory of images; here the
// images are those of the batch. The authors' code overwrites the source statistics, which makes a reset impossible;
// here they stay. Nothing else differs, so that there is no published variant.
#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Rbn& rule, const RuleInput& in) {
  const Moments next = mix(in.running, in.batch.pooled, rule.momentum, Mixing::kConvex);
  return {next, next};
}

}  // namespace ttscale::stats
