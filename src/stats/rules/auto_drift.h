// SPDX-License-Identifier: MIT
// How many images auto remembers where the stream drifts: what changes step by step never jumps, and the mean of what
// is remembered lags behind. The images that auto_neighbours.h compares tell how fast. No published rule; the memory is
// that of a Kalman filter in its steady state.
//
// Statistics on a random walk, seen through images that differ: two images that lie d images apart have the distance
//   L = 2 w + rate d,   w: of images from the statistics of their time
// and the best of all running means has the gain K = sqrt(rate / w), which is the mean of the latest
//   1 / K = sqrt(w / rate) images,
// no less than a block, which is told from chance.
// L is that of auto_neighbours.h, in its mean over the pairs of a forward: units change from one to the next. Its line
// is fitted by least squares within forwards, over pairs
//   - that lie at least kLeastApart images apart: what comes in short runs is not drift,
//   - of two predicted classes: in streams sorted by class the distance grows with d, too,
//   - that no jump lies between: a domain that follows another is not drift, and is forgotten by other means. A jump
//     forgets nearly all of the history, a step of the drift some of it; the batch of a jump may be of both domains.
// Where L grows by less than kLeastGrowth of 2 w an image, that is chance or classes, and counts for nothing; of more
// it is the rest that counts.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/rules/auto_neighbours.h"

namespace ttscale::stats {

/// Adds the pairs of a forward to the sums in the stream, from the distances that its early sites have left there.
/// `classes`: predicted class of each of its images, -1: none.
void measure_drift(const NeighbourLayout& layout, const std::vector<double>& classes, double* stream);
/// The same by operators on tensors, classes [N], where `counts` [] is true.
void measure_drift(const NeighbourLayout& layout, const at::Tensor& classes, const at::Tensor& counts,
                   at::Tensor& stream);

/// Ahead of that, after every forward: earlier pairs count for less, by how many images have come and by the share of
/// the history that the sites have kept. Numbers that are not finite are forgotten.
void forget_drift(std::int64_t images, double* stream);
/// The same by operators on tensors, where `uncounted` [] is true.
void forget_drift(std::int64_t images, const at::Tensor& uncounted, at::Tensor& stream);

/// Images to remember for the drift that has been measured; infinity: there is none.
double memory_in_drift(const rule::Auto& rule, const double* stream);
/// The same, [].
at::Tensor memory_in_drift(const rule::Auto& rule, const at::Tensor& stream);

}  // namespace ttscale::stats
