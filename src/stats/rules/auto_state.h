// SPDX-License-Identifier: MIT
// What the rule auto keeps beside running mean and variance, and where. All zero is "nothing seen yet".
#pragma once

#include <cstdint>

namespace ttscale::stats::auto_state {

/// Rows [C] of a site: sums over the images of the block that is being filled, of mean and second moment in source
/// units and of the squares of both.
enum Row : std::int64_t { kBlockMean, kBlockSecond, kBlockMeanSquare, kBlockSecondSquare, kRows };

/// The first sites of a stream (StateSize::rows_at()), which see how an image was taken rather than what is in it, keep
/// the latest images: behind the other rows as many of means as rule::Auto::neighbours says, then as many of second
/// moments. Images take the rows in turn, the same at all sites; one that no image has taken yet is zero, which no
/// second moment is. A site in a branch that is not taken for every image compares with a few that are older; one in a
/// loop, which sees each image several times, keeps none.
inline constexpr std::int64_t kEarlySites = 8;

/// No more images of a batch are compared with others.
inline constexpr std::int64_t kMostCompared = 512;

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

/// Numbers of a stream. The first are of one forward: each site adds to them.
enum Stream : std::int64_t {
  kJumpSum,             ///< distances between block and history at the sites so far
  kWithinSum,           ///< distances between a block and its images there
  kSites,               ///< how many sites those are
  kKeepSum,             ///< shares of the history that they kept
  kCompared,            ///< early sites so far that have compared images
  kImages,              ///< images of this forward, if they have
  kForward,             ///< how many numbers are of one forward
  kCounted = kForward,  ///< 1 if the predictions of this forward have been counted
  kLooked,              ///< 1 if the concentration is known
  kConcentration,       ///< of the classes in the history, 0 to 1
  kMemory,              ///< images to remember, as their classes tell
  kRemembered,          ///< images that the sites remember: fewer where the stream drifts
  kSinceJump,           ///< images since the last batch with a jump
  kLatest,              ///< concentration of the classes of the latest images, 0 to 1
  kHasClasses,          ///< 1 if finish() may see class scores
  kNoScores,            ///< 1 once it saw none, until it sees some
  kBefore,              ///< images before this forward that took a row
  kRatios,              ///< decayed sum over images of log(ratio), as auto_neighbours.h has it
  kRatioCount,          ///< decayed number of them
  kPairs,               ///< decayed number of pairs of images, as auto_drift.h has them, in the number of rows
  kApartSum,            ///< decayed sum of how far they lie apart, in rows beyond the least
  kApartSquares,        ///< decayed sum of the squares, about the mean of the forward
  kApartDistance,       ///< decayed sum of the products with their distance, in the mean of the forward
  kClasses  ///< from here on: sums of class probabilities in the history, then of recent images, then of the latest
};

/// Classes are counted in so many bins; class k falls into bin k modulo this. Up to it the counts are exact; above,
/// classes share bins, and concentration is told by the bins.
inline constexpr std::int64_t kClassBins = 1024;

/// Behind the bins: predicted class and its probability of the images in the rows; then of one forward, as scratch,
/// distances [kMostCompared, neighbours] and, for each image, how far its neighbours lie from the stream and the part
/// of it that so few images have by chance, in the spread between images, summed over the early sites.
inline constexpr std::int64_t kStreamNumbers = kClasses + 3 * kClassBins;

}  // namespace ttscale::stats::auto_state
