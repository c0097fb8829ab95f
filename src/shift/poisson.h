// SPDX-License-Identifier: MIT
// Poisson numbers of one rate, drawn many times.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "shift/random.h"

namespace ttscale::shift {

/// Draws by exact inversion: 64 random bits are looked up in the cumulative distribution.
class Poisson {
 public:
  /// `rate` is 0 to 700. Throws UsageError for another one.
  explicit Poisson(double rate);

  std::int64_t operator()(Random& random) const {
    const std::uint64_t drawn = random.bits();
    std::size_t count = first_[drawn >> 56U];
    while (drawn > bound_[count]) {
      ++count;
    }
    return static_cast<std::int64_t>(count);
  }

 private:
  std::vector<std::uint64_t> bound_;        ///< 2^64 P(X <= count); no draw is above the last
  std::array<std::uint16_t, 256> first_{};  ///< by the upper 8 bits: the smallest count that they allow
};

}  // namespace ttscale::shift
