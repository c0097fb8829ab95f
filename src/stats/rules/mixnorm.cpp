// SPDX-License-Identifier: MIT
// mixnorm: weight w of each image's own statistics beside a moving average that starts at the source (Hu et al. 2021,
// "MixNorm: test-time adaptation through online normalization estimation"; from the paper, there is no code). The paper
// pools each image with an augmented view of it: here images stand for themselves, and views are the caller's business.
//
// Published: mean and variance are mixed linearly, and the average moves once a batch. Variances within images alone
// then leave out that images differ in their means: the average loses that part of the source's variance. Here mixing
// follows the law of total variance, and the average moves once an image, 1 - (1 - momentum)^n for n images, whatever
// their batches.
#include <ATen/ATen.h>

#include "stats/rules/each_image.h"

namespace ttscale::stats {

RuleOutput evaluate(const rule::MixNorm& rule, const RuleInput& in) {
  const EachImage images = each_image(in, Variance::kBiased);
  if (rule.published) {
    const Moments local{images.mean(images.moments.mean), images.mean(images.moments.var)};
    const Moments next = mix(in.running, local, rule.momentum, Mixing::kConvex);
    return {mix(next, images.moments, rule.weight, Mixing::kConvex), next};
  }
  const at::Tensor momentum = 1 - at::pow(1 - rule.momentum, images.count);
  const Moments next = mix(in.running, in.batch.pooled, momentum, Mixing::kTotal);
  return {mix(next, images.moments, rule.weight, Mixing::kTotal), next};
}

}  // namespace ttscale::stats
