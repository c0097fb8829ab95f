// SPDX-License-Identifier: MIT
#include "stats/rules/auto_neighbour_loops.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {

using namespace auto_constants;
using namespace auto_state;
using std::int64_t;

bool NeighbourLoops::keeps() const {
  return slots_ > 0 && stream_[kHasClasses] > 0 &&
         (stream_[kImages] == 0 || stream_[kImages] == static_cast<double>(images_));
}

bool NeighbourLoops::compares() const { return keeps() && images_ <= kMostCompared; }

void NeighbourLoops::keep(const NeighbourRows& rows) {
  for (int64_t i = rows.first(); i < images_; ++i) {
    std::copy_n(batch_.mean(i), batch_.rows.channels, kept_mean(rows.of(i)));
    std::copy_n(batch_.second(i), batch_.rows.channels, kept_second(rows.of(i)));
  }
}

void NeighbourLoops::find(const AutoBatch& batch, double* scratch, double spread, double repetition, double effective) {
  if (!keeps()) {
    return;
  }
  batch_ = batch;
  scratch_ = scratch;
  const NeighbourRows rows(slots_, stream_[kBefore], images_);
  keep(rows);
  if (!compares()) {
    return;
  }
  add_distances();
  const NeighbourLayout layout(rule_);
  const double* distances = stream_ + layout.distances();
  std::vector<double> weights(static_cast<std::size_t>(images_ * slots_));
  std::vector<double> one_of(static_cast<std::size_t>(images_));  // 1 / images that the neighbours are worth
  at::parallel_for(0, images_, std::max<int64_t>(1, AutoBatch::kGrain / slots_), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      one_of[static_cast<std::size_t>(i)] =
          1 / neighbour_weights(rule_, distances + i * slots_, rows.of(i), weights.data() + i * slots_);
    }
  });
  batch_.for_channels([&](int64_t first, int64_t end) {
    kernels_.neighbours(kept_mean(0), kept_second(0), batch_.rows.channels, slots_, weights.data(), images_, first, end,
                        around(0, 0), around(1, 0), batch_.stride);
  });
  share_ = neighbour_share(rule_, stream_);
  worth_.assign(static_cast<std::size_t>(images_), 0.0);
  from_source_.assign(static_cast<std::size_t>(images_), 0.0);
  batch_.for_images([&](int64_t i) {
    const double each = one_of[static_cast<std::size_t>(i)];
    const double apart = batch_.mean_over_channels(kernels_.spread(batch_.rows, around(0, i), around(1, i)));
    add_if_compared(layout.apart() + i, std::max(apart - spread * each, 0.0) / spread);
    add_if_compared(layout.chance() + i, each);
    if (share_ > 0) {
      from_source_[static_cast<std::size_t>(i)] =
          batch_.mean_over_channels(kernels_.blend(batch_.rows, share_, rows_around(i)));
      worth_[static_cast<std::size_t>(i)] = 1 / (share_ * (each + repetition) + (1 - share_) / effective);
    }
  });
  compared_ = true;
}

void NeighbourLoops::add_if_compared(int64_t number, double x) {
  stream_[number] = (stream_[kCompared] > 0 ? stream_[number] : 0) + x;
}

/// Adds the distances between images and kept ones to those of the sites before.
void NeighbourLoops::add_distances() {
  batch_.for_images(
      [&](int64_t i) { kernels_.features(batch_.rows, batch_.mean(i), batch_.second(i), batch_.stride, features(i)); });
  std::vector<double> distances(static_cast<std::size_t>(images_ * slots_));  // [slots, images], sums over channels
  std::vector<char> taken(static_cast<std::size_t>(slots_));
  // A row's features, and a fraction of that for each image that it is compared with.
  const int64_t grain = std::max<int64_t>(1, AutoBatch::kGrain / (batch_.stride * (1 + images_ / 4)));
  at::parallel_for(0, slots_, grain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const bool is_taken =
          kernels_.features(batch_.rows, kept_mean(j), kept_second(j), batch_.stride, kept_features(j));
      taken[static_cast<std::size_t>(j)] = is_taken ? 1 : 0;
      if (is_taken) {
        kernels_.squared_distances(kept_features(j), features(0), 2 * batch_.stride, images_,
                                   distances.data() + j * images_);
      }
    }
  });
  double sum = 0;
  for (const double distance : distances) {
    sum += distance;
  }
  const auto pairs = static_cast<double>(std::count(taken.begin(), taken.end(), 1) * images_);
  const double mean = std::max(batch_.mean_over_channels(sum) / pairs, kLeastDistance);
  const int64_t first = NeighbourLayout(rule_).distances();
  for (int64_t i = 0; i < images_; ++i) {
    for (int64_t j = 0; j < slots_; ++j) {
      const double here = taken[static_cast<std::size_t>(j)] != 0
                              ? batch_.mean_over_channels(distances[static_cast<std::size_t>(j * images_ + i)]) / mean
                              : std::numeric_limits<double>::infinity();
      add_if_compared(first + i * slots_ + j, here);
    }
  }
}

AutoRows NeighbourLoops::rows_around(int64_t image) const {
  AutoRows rows = batch_.rows;
  rows.mean = around(0, image);
  rows.second = around(1, image);
  rows.var = around(2, image);
  rows.deviation = around(3, image);
  return rows;
}

}  // namespace ttscale::stats
