// SPDX-License-Identifier: MIT
// Probabilities by the ratio of neighbours: p(k+1) / p(k) = (n - k) / (k + 1) * q / (1 - q).
#include "metrics/binomial.h"

#include <algorithm>
#include <cmath>

namespace ttscale::metrics {
namespace {

constexpr double kNegligible = 1e-18;

/// Weights on one side of the mode, outwards, the mode (weight 1) left out. `ratio(i)` is weight i + 1 over weight i.
template <typename Ratio>
std::vector<double> side(std::int64_t length, Ratio ratio) {
  std::vector<double> weights;
  double weight = 1;
  for (std::int64_t i = 0; i < length; ++i) {
    weight *= ratio(i);
    if (weight < kNegligible) {
      break;
    }
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace

BinomialTable::BinomialTable(std::int64_t trials, std::int64_t successes, std::int64_t total) {
  const auto odds_up = static_cast<double>(successes);
  const auto odds_down = static_cast<double>(total - successes);
  const double mean = static_cast<double>(trials + 1) * (odds_up / static_cast<double>(total));
  const std::int64_t mode = std::clamp<std::int64_t>(static_cast<std::int64_t>(mean), 0, trials);
  const auto up = side(trials - mode, [&](std::int64_t i) {
    return static_cast<double>(trials - mode - i) * odds_up / (static_cast<double>(mode + i + 1) * odds_down);
  });
  const auto down = side(mode, [&](std::int64_t i) {
    return static_cast<double>(mode - i) * odds_down / (static_cast<double>(trials - mode + i + 1) * odds_up);
  });
  first_ = mode - static_cast<std::int64_t>(down.size());
  cumulative_.assign(down.rbegin(), down.rend());
  cumulative_.push_back(1);
  cumulative_.insert(cumulative_.end(), up.begin(), up.end());
  for (std::size_t i = 1; i < cumulative_.size(); ++i) {
    cumulative_[i] += cumulative_[i - 1];
  }
}

std::int64_t BinomialTable::draw(double uniform) const {
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), uniform * cumulative_.back());
  const auto last = std::prev(cumulative_.end());  // uniform * sum may round up to the sum
  return first_ + (std::min(found, last) - cumulative_.begin());
}

double fair_binomial_tail(std::int64_t successes, std::int64_t trials) {
  const auto n = static_cast<double>(trials);
  const auto k = static_cast<double>(successes);
  const double log_term =
      std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * 0.69314718055994530942;  // ln 2
  double term = 1;
  double sum = 1;
  for (std::int64_t i = successes; i > 0 && term > kNegligible * sum; --i) {
    term *= static_cast<double>(i) / static_cast<double>(trials - i + 1);
    sum += term;
  }
  return std::min(1.0, std::exp(log_term + std::log(sum)));
}

}  // namespace ttscale::metrics
