// SPDX-License-Identifier: MIT
// The neighbours of auto (auto_neighbours.h says what they are) at one site, in loops over main memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stats/rules/auto_batch.h"
#include "stats/rules/auto_neighbours.h"

namespace ttscale::stats {

/// Keeps the images of a batch at an early site and finds what stands for the stream at each of them.
class NeighbourLoops {
 public:
  /// `slots`: images that the site keeps, 0 at others than early ones; `kept`: the rows [2 slots, C] of its state for
  /// them. `stream`: the numbers of the stream (auto_state.h). All must outlive it.
  NeighbourLoops(const rule::Auto& rule, const AutoKernels& kernels, std::int64_t slots, std::int64_t images,
                 double* kept, double* stream)
      : rule_(rule), kernels_(kernels), slots_(slots), images_(images), kept_(kept), stream_(stream) {}

  /// Whether images have rows here. Others than at the sites before are not comparable.
  [[nodiscard]] bool keeps() const;
  /// Scratch rows that find() needs.
  [[nodiscard]] std::int64_t scratch_rows() const { return compares() ? 6 * images_ + 2 * slots_ : 0; }

  /// Site::find_neighbours() of auto.cpp, for a batch all of whose images are finite. `spread`: of the images about
  /// their stream; `repetition`: 1 / images that any number of images of its classes is worth at most; `effective`:
  /// images that the stream is worth.
  void find(const AutoBatch& batch, double* scratch, double spread, double repetition, double effective);

  // After find(); without it, as if nothing had been compared.

  /// Whether images have been compared here.
  [[nodiscard]] bool compared() const { return compared_; }
  /// Share of the neighbours in what stands for the stream; if it is 0, that is the stream itself.
  [[nodiscard]] double share() const { return share_; }
  /// What stands for the stream at an image: the site's rows with its moments, their distance from the source, and how
  /// many images they are worth.
  [[nodiscard]] AutoRows rows_around(std::int64_t image) const;
  [[nodiscard]] double from_source(std::int64_t image) const { return from_source_[static_cast<std::size_t>(image)]; }
  [[nodiscard]] double worth(std::int64_t image) const { return worth_[static_cast<std::size_t>(image)]; }

 private:
  [[nodiscard]] bool compares() const;
  void keep(const NeighbourRows& rows);
  void add_distances();
  /// Of this forward: what early sites before this one have left, if there are any, and x.
  void add_if_compared(std::int64_t number, double x);

  [[nodiscard]] double* kept_mean(std::int64_t slot) const { return kept_ + slot * batch_.rows.channels; }
  [[nodiscard]] double* kept_second(std::int64_t slot) const { return kept_mean(slots_ + slot); }
  // Scratch: features of the images and of those that are kept, two rows each; then for each image mean, second moment,
  // variance and deviation of what stands for the stream.
  [[nodiscard]] double* features(std::int64_t image) const { return scratch_ + 2 * image * batch_.stride; }
  [[nodiscard]] double* kept_features(std::int64_t slot) const { return features(images_ + slot); }
  [[nodiscard]] double* around(std::int64_t which, std::int64_t image) const {
    return scratch_ + (2 * (images_ + slots_) + which * images_ + image) * batch_.stride;
  }

  const rule::Auto& rule_;
  const AutoKernels& kernels_;
  std::int64_t slots_, images_;
  double* kept_;
  double* stream_;
  AutoBatch batch_{};
  double* scratch_ = nullptr;
  double share_ = 0;
  bool compared_ = false;
  std::vector<double> worth_, from_source_;
};

}  // namespace ttscale::stats
