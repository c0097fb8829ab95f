// SPDX-License-Identifier: MIT
// A batch at one site, as the loops of auto go through it.
#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/Parallel.h>

#include "stats/cpu/auto_kernels.h"

namespace ttscale::stats {

/// N images of C channels in scratch rows, in source units, with the rows of the site. Its loops run in several threads
/// where that pays; sources that call them are compiled with OpenMP (ttscale_parallel in cmake/TtscaleLoops.cmake).
struct AutoBatch {
  /// Values worth a thread: at 2 to 10 ns each, some ten times what starting threads takes.
  static constexpr std::int64_t kGrain = 2048;

  AutoRows rows;
  std::int64_t images;
  std::int64_t stride;  ///< from a scratch row to the next
  double* means;        ///< that of the first image; the others lie `stride` apart
  double* seconds;

  /// The least stride for so many channels: whole vectors.
  static std::int64_t stride_of(std::int64_t channels) {
    return std::max<std::int64_t>(1, (channels + kAutoLanes - 1) / kAutoLanes) * kAutoLanes;
  }

  [[nodiscard]] double* mean(std::int64_t image) const { return means + image * stride; }
  [[nodiscard]] double* second(std::int64_t image) const { return seconds + image * stride; }
  [[nodiscard]] double mean_over_channels(double sum) const { return sum / static_cast<double>(rows.channels); }

  /// Calls of(image) for all images.
  template <typename Of>
  void for_images(const Of& of) const {
    at::parallel_for(0, images, std::max<std::int64_t>(1, kGrain / stride), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        of(i);
      }
    });
  }

  /// Calls of(first, end) for ranges of channels that make whole vectors.
  template <typename Of>
  void for_channels(const Of& of) const {
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (kAutoLanes * images));
    at::parallel_for(0, stride / kAutoLanes, grain, [&](std::int64_t begin, std::int64_t end) {
      of(begin * kAutoLanes, std::min(end * kAutoLanes, rows.channels));
    });
  }
};

}  // namespace ttscale::stats
