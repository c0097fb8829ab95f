// SPDX-License-Identifier: MIT
// Means and variances per channel: how those of images are pooled, and how two are mixed. All tensors float64 on one
// device, no host synchronisation.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "ttscale/rule.h"

namespace ttscale::stats {

/// Mean and variance of each channel: [C], or [N, C] where every image has its own.
struct Moments {
  at::Tensor mean;
  at::Tensor var;
};

/// Moments of each image of a batch over its pixels: mean and biased variance [N, C]; each image has `pixels` values a
/// channel.
struct ImageMoments {
  Moments each;
  std::int64_t pixels = 0;
  at::Tensor medians = {};  ///< [2, C]: the lower and the upper median of all pixels of the finite images; undefined
                            ///< unless the rule asks for it
  std::int64_t of = 0;      ///< images of the batch that these were taken from; 0: they are all
};

/// Moments of a batch: the mean and biased variance [C] of all pixels of its finite images.
struct BatchMoments {
  Moments pooled;
  at::Tensor images;         ///< [] number of images whose moments are finite; the others count for nothing
  std::int64_t offered = 0;  ///< number of images in the batch
  std::int64_t pixels = 0;   ///< values a channel and image
  at::Tensor dead = {};      ///< [C]: where `pooled` has the source's variance in place of its own; undefined: nowhere
};

/// Pools the images of a batch: the variance is the mean of their variances plus the variance of their means (law of
/// total variance). With no finite image the pooled moments are NaN. Of a sample of k images of n the variance of the
/// means is taken times k / (k - 1) (n - 1) / n: what it is expected to be over all n.
BatchMoments pool(const ImageMoments& images);
/// The same by operators on tensors on any device; to rounding.
BatchMoments pool_in_tensors(const ImageMoments& images);

/// The batch's moments with the variance estimate asked for. The unbiased variance of a single value is undefined:
/// `source.var` stands in. Where it does already, it stays what it is: it is no estimate from this batch.
Moments estimate(const BatchMoments& batch, const Moments& source, Variance variance);

/// (1 - w) a + w b, elementwise in mean and variance; Mixing::kTotal adds w(1-w)(a.mean - b.mean)^2 to the variance. w
/// is [], [C] or a number.
Moments mix(const Moments& a, const Moments& b, const at::Tensor& w, Mixing mixing);
Moments mix(const Moments& a, const Moments& b, double w, Mixing mixing);

/// `a` where the condition [] holds, else `b`.
Moments where(const at::Tensor& condition, const Moments& a, const Moments& b);

/// Squared Hellinger distance of two Gaussians per channel, in [0, 1]:
/// 1 - sqrt(2 sqrt(v1 v2) / (v1 + v2)) exp(-(m1 - m2)^2 / (4 (v1 + v2))). Two channels without any variance and with
/// equal means: 0.
at::Tensor hellinger(const Moments& a, const Moments& b);

}  // namespace ttscale::stats
