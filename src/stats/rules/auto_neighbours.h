// SPDX-License-Identifier: MIT
// What an image is like: where a stream is mixed of several domains, its statistics are nobody's. Each image is then
// given those of the latest images that it is like at the first sites, which is what batches sorted by domain would
// give it. No published rule; UnMix-TNS (Tomar et al. 2024) keeps several statistics a layer, and uses their mean.
//
// In source units (a, q), with the stream's variance V and its mean and second moment (M, Q), s = 1 / (8 (V + floor)):
//   features  f = (a sqrt(s), 2 q s), each within kMostDeviations: |f_i - f_j|^2 is a squared Hellinger distance to
//             second order
//   distance  L_ij = sum over the early sites so far of |f_i - f_j|^2 over its mean, image i of the batch, j of
//             those that are kept
//   weight    w_ij = exp(-kLikenessSteepness max(0, L_ij / L_i(k) - 1)), k = `alike`: L_i(k) is the k-th smallest to
//             others; 1 for the image itself; scaled to a sum of 1; n_i = 1 / sum_j w_ij^2 images
//   neighbours' statistics (sum_j w_ij a_j, sum_j w_ij q_j), of which the image takes the share lambda, and 1 - lambda
//             of (M, Q)
// lambda is one number for the stream. Whether neighbours are a domain cannot be told image by image: in a stream of
// one domain they are a class, and taking out a class is the last thing to do. Over a stream it can:
//   ratio     r_i = sum over sites of (distance of the neighbours' statistics from the stream - T / n_i)+ / T
//                 over sum of 1 / n_i + kDistanceOfOneClass (concentration of classes among neighbours, beyond that
//                 among all latest images) + concentration of the stream
//             T: the spread between images. The divisor, summed over the sites as well, is what chance and classes
//             explain. Concentration: probability that two images are predicted to be of one class, as they are weighed
//             by w and by the probabilities of their predictions.
//   lambda    = r^p / (r^p + apart^p), p = kApartSteepness, r the geometric mean over the last hundred images or so.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "ttscale/rule.h"

namespace ttscale::stats {

/// Where the numbers lie in the tensors of a stream and a site (auto_state.h).
class NeighbourLayout {
 public:
  explicit NeighbourLayout(const rule::Auto& rule) : slots_(static_cast<std::int64_t>(rule.neighbours)) {}

  /// Images that are kept.
  [[nodiscard]] std::int64_t slots() const { return slots_; }
  /// Rows of the early sites: means, and as many second moments.
  [[nodiscard]] std::int64_t rows() const { return 2 * slots_; }

  // Of the stream.
  [[nodiscard]] std::int64_t labels() const;
  [[nodiscard]] std::int64_t probabilities() const { return labels() + slots_; }
  [[nodiscard]] std::int64_t distances() const { return probabilities() + slots_; }
  [[nodiscard]] std::int64_t apart() const;
  [[nodiscard]] std::int64_t chance() const;
  [[nodiscard]] std::int64_t end() const;
  /// Numbers from distances() on.
  [[nodiscard]] std::int64_t scratch() const { return end() - distances(); }

 private:
  std::int64_t slots_;
};

/// A number of images that a state holds, which may be anybody's: a whole one, or 0.
double counted_before(double before);
/// The same, [].
at::Tensor counted_before(const at::Tensor& before);

/// The rows that `images` images take after `before` others.
class NeighbourRows {
 public:
  NeighbourRows(std::int64_t slots, double before, std::int64_t images);

  /// The first image that is kept: of more than there are rows the last.
  [[nodiscard]] std::int64_t first() const { return first_; }
  /// The row of an image; -1: none.
  [[nodiscard]] std::int64_t of(std::int64_t image) const { return image < first_ ? -1 : (before_ + image) % slots_; }
  /// How many images have come since the one in this row, if all rows are taken.
  [[nodiscard]] std::int64_t back(std::int64_t row) const {
    return ((before_ + images_ - 1 - row) % slots_ + slots_) % slots_;
  }

 private:
  std::int64_t slots_, before_, images_, first_;
};

/// The weights [slots] of an image's neighbours, from its distances to them (infinity: no image there). `own` is its
/// own row or -1. Returns how many images they are worth.
double neighbour_weights(const rule::Auto& rule, const double* distances, std::int64_t own, double* weights);
/// The same for all images: distances [N, slots], own [N, slots] true where the row is the image's.
at::Tensor neighbour_weights(const rule::Auto& rule, const at::Tensor& distances, const at::Tensor& own);

/// lambda, 0 where it is below kLeastMixedShare.
double neighbour_share(const rule::Auto& rule, const double* stream);
/// The same, [].
at::Tensor neighbour_share(const rule::Auto& rule, const at::Tensor& stream);

/// [N, slots]: whether a row is the image's; of images that come after `before` [] others.
at::Tensor own_rows(std::int64_t slots, const at::Tensor& before, std::int64_t images);
/// [min(N, slots)]: the rows that the last of the images take.
at::Tensor taken_rows(std::int64_t slots, const at::Tensor& before, std::int64_t images);

/// After the last site, unless `uncounted` [] is false: keeps predictions [N, K] (probabilities; NaN or infinity:
/// none), if they are as many as the images that took rows, and lets what is known of drift fade. Once half of the rows
/// are taken, counts what the early sites have found for up to kMostCompared images. Over main memory in loops.
void finish_neighbours(const rule::Auto& rule, const at::Tensor& predictions, const at::Tensor& uncounted,
                       at::Tensor& stream);
/// The same by operators on tensors.
void finish_neighbours_in_tensors(const rule::Auto& rule, const at::Tensor& predictions, const at::Tensor& uncounted,
                                  at::Tensor& stream);

}  // namespace ttscale::stats
