// SPDX-License-Identifier: MIT
// Tables of the cumulative distribution.
#include "shift/poisson.h"

#include <cmath>
#include <limits>
#include <string>

#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

constexpr double kMaxRate = 700.0;  // exp(-rate) must be a normal double

// All but 2^-53 of the distribution; what remains goes to the last count.
std::vector<std::uint64_t> bounds(double rate) {
  std::vector<std::uint64_t> result;
  double probability = std::exp(-rate);
  double sum = probability;
  for (int count = 1; sum < 1.0 && (count <= rate || probability > 0x1p-60); ++count) {
    result.push_back(static_cast<std::uint64_t>(sum * 0x1p64));
    probability *= rate / count;
    sum += probability;
  }
  result.push_back(std::numeric_limits<std::uint64_t>::max());
  return result;
}

}  // namespace

Poisson::Poisson(double rate) {
  if (!(rate >= 0.0 && rate <= kMaxRate)) {
    throw UsageError("Poisson: expected a rate of 0 to 700, found " + std::to_string(rate));
  }
  bound_ = bounds(rate);
  std::size_t count = 0;
  for (std::size_t bucket = 0; bucket < first_.size(); ++bucket) {
    while (count + 1 < bound_.size() && bound_[count] < (std::uint64_t{bucket} << 56U)) {
      ++count;
    }
    first_[bucket] = static_cast<std::uint16_t>(count);
  }
}

}  // namespace ttscale::shift
