// SPDX-License-Identifier: MIT
// What the rule tema keeps beside running mean and variance. All zero is "nothing seen yet".
#pragma once

#include <cstdint>

namespace ttscale::stats::tema_state {

/// Numbers of a site.
enum Number : std::int64_t {
  kDistance,  ///< between source and target, at the last forward
  kShare,     ///< of the source in what the last batch was normalised with
  kNumbers
};

/// Numbers of a stream: of this forward so far, then of the last one.
enum Stream : std::int64_t {
  kSites,    ///< sites so far
  kSum,      ///< of their distances
  kSquares,  ///< of their distances
  kForward,  ///< how many numbers are of one forward
  kMean = kForward,
  kDeviation,  ///< of the distances over the sites, unbiased; 0: unknown
  kStreamNumbers
};

}  // namespace ttscale::stats::tema_state
