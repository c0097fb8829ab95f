// SPDX-License-Identifier: MIT
// What the rule auto keeps beside running mean and variance, and where. All zero is "nothing seen yet".
#pragma once

#include <cstdint>

namespace ttscale::stats::auto_state {

/// Rows [C] of a site: sums over the images of the block that is being filled, of mean and second moment in source
/// units and of the squares of both.
enum Row : std::int64_t { kBlockMean, kBlockSecond, kBlockMeanSquare, kBlockSecondSquare, kRows };

/// Numbers of a site.
enum Number : std::int64_t {
  kHistory,      ///< images that the running moments are worth
  kBlockImages,  ///< images in the block that is being filled
  kJumps,        ///< decayed sum of the distances between blocks and history
  kJumpCount,    ///< decayed number of them
  kSpread,       ///< decayed sum of the distances between images and stream
  kSpreadCount,  ///< decayed number of images
  kNumbers
};

/// Numbers of a stream. The first four are of one forward: each site adds to them.
enum Stream : std::int64_t {
  kJumpSum,             ///< distances between block and history at the sites so far
  kWithinSum,           ///< distances between a block and its images there
  kSites,               ///< how many sites those are
  kKeepSum,             ///< shares of the history that they kept
  kForward,             ///< how many numbers are of one forward
  kCounted = kForward,  ///< 1 if the predictions of this forward have been counted
  kLooked,              ///< 1 if the concentration is known
  kConcentration,       ///< of the classes in the history, 0 to 1
  kMemory,              ///< images to remember
  kLatest,              ///< concentration of the classes of the latest images, 0 to 1
  kClasses  ///< from here on: sums of class probabilities in the history, then of recent images, then of the latest
};

/// Classes are counted in so many bins; class k falls into bin k modulo this. Up to it the counts are exact; above,
/// classes share bins, and concentration is told by the bins.
inline constexpr std::int64_t kClassBins = 1024;

inline constexpr std::int64_t kStreamNumbers = kClasses + 3 * kClassBins;

}  // namespace ttscale::stats::auto_state
