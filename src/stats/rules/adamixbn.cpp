// SPDX-License-Identifier: MIT
// adamixbn: adaptive mixing of source and batch (Zhang et al. 2023, "DomainAdaptor: a novel approach to test-time
// adaptation"). With d(a, b) the mean over channels of (mean_a - mean_b)^2 + (std_a - std_b)^2, unbiased variances, and
// i, b, s for image, batch, source, the source weighs
//   w = clip(1 - d(b, s) / (d(b, s) + d(i, s) + d(i, b)), 0, 1),  mean = w ms + (1 - w) mb,  var = w vs + (1 - w) vb.
// A batch of one image: 1/2.
//
// Published: distances are in the units of the activations, so that channels of a large scale decide alone and a model
// with folded BatchNorm would be weighed differently; and all images of a batch share the mean of their weights. Here
// distances are in units of the source's standard deviation, and each image has its own weight. The code's option to
// rewrite weight and bias at the first batch, for good, is the same formula on that batch and is left out.
#include <ATen/ATen.h>

#include "stats/rules/each_image.h"

namespace ttscale::stats {
namespace {

/// Mean over channels of the squared distances in mean and standard deviation, in the given units.
at::Tensor distance(const Moments& a, const Moments& b, const at::Tensor& unit) {
  const at::Tensor mean = (a.mean - b.mean) / unit;
  const at::Tensor std = (a.var.sqrt() - b.var.sqrt()) / unit;
  return (mean.square() + std.square()).mean(-1);
}

at::Tensor units(const rule::AdaMixBn& rule, const RuleInput& in) {
  const at::Tensor one = at::ones({}, in.source.var.options());
  const at::Tensor std = (in.source.var + in.eps).sqrt();
  return rule.published ? one : at::where(std > 0, std, one);
}

}  // namespace

RuleOutput evaluate(const rule::AdaMixBn& rule, const RuleInput& in) {
  constexpr double kTiny = 1e-300;  // all three alike: any weight is right
  const Moments batch = estimate(in.batch, in.source, Variance::kUnbiased);
  const EachImage images = each_image(in, Variance::kUnbiased);
  const at::Tensor unit = units(rule, in);
  const at::Tensor moved = distance(batch, in.source, unit);                                                   // []
  const at::Tensor apart = distance(images.moments, in.source, unit) + distance(images.moments, batch, unit);  // [N]
  const at::Tensor own = (moved / (moved + apart).clamp_min(kTiny)).clamp(0, 1).unsqueeze(1);  // share of the batch
  return {mix(in.source, batch, rule.published ? images.mean(own) : own, Mixing::kConvex), in.running};
}

}  // namespace ttscale::stats
