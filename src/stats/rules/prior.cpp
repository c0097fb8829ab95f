// SPDX-License-Identifier: MIT
// prior: the source as so many images beside those of the batch (Schneider et al. 2020, "Improving robustness against
// common corruptions by covariate shift adaptation"). The weight follows the true size of every batch, the smaller last
// one included.
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::Prior& rule, const RuleInput& in) {
  const at::Tensor w = in.batch.images / (rule.count + in.batch.images);
  return {mix(in.source, estimate(in.batch, in.source, rule.variance), w, rule.mixing), in.running};
}

}  // namespace ttscale::stats
