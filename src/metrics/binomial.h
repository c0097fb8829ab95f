// SPDX-License-Identifier: MIT
// Binomial distributions: draws that are the same on every machine, and tails.
#pragma once

#include <cstdint>
#include <vector>

namespace ttscale::metrics {

/// A table to draw from Binomial(trials, successes / total). Built from additions, multiplications and divisions only,
/// so that it has the same bits wherever floating point follows IEEE 754.
class BinomialTable {
 public:
  /// 0 <= successes <= total, 0 < total, 0 <= trials.
  BinomialTable(std::int64_t trials, std::int64_t successes, std::int64_t total);

  /// The smallest value whose cumulative probability exceeds `uniform`, which is in [0, 1).
  [[nodiscard]] std::int64_t draw(double uniform) const;

 private:
  std::int64_t first_ = 0;          // value of the first entry; values left out have less than 1e-18 of the mode's
  std::vector<double> cumulative_;  // not divided by the last entry, which is the sum
};

/// P(X <= successes) for Binomial(trials, 1/2), 0 <= successes <= trials, to a relative error of about 1e-10 however
/// small it is.
double fair_binomial_tail(std::int64_t successes, std::int64_t trials);

}  // namespace ttscale::metrics
