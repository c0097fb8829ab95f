// SPDX-License-Identifier: MIT
// medbn: the batch's median of each channel in place of its mean, and the mean squared deviation from it as variance
// (Park et al. 2024, "MedBN: robust test-time adaptation against malicious test samples"): a minority of odd images
// does not move the center. E[(x - med)^2] = var + (mean - med)^2, so that only the median is taken from the
// activations.
//
// Published: of an even number of values the median is the lower of the two in the middle, which a negative scale turns
// into the upper one. Here it is their mean.
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::MedBn& rule, const RuleInput& in) {
  const Moments& batch = in.batch.pooled;
  const at::Tensor median = rule.published ? in.medians[0] : in.medians.mean(0);
  return {{median, batch.var + (batch.mean - median).square()}, in.running};
}

}  // namespace ttscale::stats
