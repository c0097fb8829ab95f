// SPDX-License-Identifier: MIT
// Shares of a Dirichlet distribution, and the order they give.
#include "data/dirichlet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "data/random.h"

namespace ttscale::data {
namespace {

constexpr std::size_t kLeastSlots = 10;
constexpr double kPi = 3.14159265358979323846;

double draw_normal(std::mt19937_64& engine) {
  const double radius = std::sqrt(-2 * std::log(draw_unit(engine)));
  return radius * std::cos(2 * kPi * draw_unit(engine));
}

/// The logarithm of a draw from Gamma(shape, 1): Marsaglia and Tsang (2000) for shape + 1, then U^(1/shape), which as a
/// plain number would be 0 for the small shapes that matter here.
double draw_log_gamma(double shape, std::mt19937_64& engine) {
  const double d = shape + 1 - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draw_normal(engine);
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(draw_unit(engine)) < x * x / 2 + d - d * v + d * std::log(v)) {
      return std::log(d * v) + std::log(draw_unit(engine)) / shape;
    }
  }
}

/// Shares of `slots` that sum to 1.
std::vector<double> draw_shares(std::size_t slots, double delta, std::mt19937_64& engine) {
  if (slots == 1) {
    return {1};
  }
  std::vector<double> shares(slots);
  std::generate(shares.begin(), shares.end(), [&] { return draw_log_gamma(delta, engine); });
  const double largest = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) {
    share = std::exp(share - largest);
    sum += share;
  }
  for (double& share : shares) {
    share /= sum;
  }
  return shares;
}

using Run = std::vector<std::int64_t>;

/// Cuts the images of one class into runs, one a slot.
void spread(const Run& images, const std::vector<double>& shares, std::vector<std::vector<Run>>& slots) {
  double sum = 0;
  std::size_t begin = 0;
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    sum += shares[slot];
    const bool last = slot + 1 == slots.size();
    const auto cut = static_cast<std::size_t>(std::llround(sum * static_cast<double>(images.size())));
    const std::size_t end = last ? images.size() : std::clamp(cut, begin, images.size());
    slots[slot].emplace_back(images.begin() + static_cast<std::ptrdiff_t>(begin),
                             images.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
}

}  // namespace

std::vector<std::int64_t> dirichlet_order(const std::vector<std::int64_t>& labels, double delta, std::uint64_t seed) {
  std::map<std::int64_t, Run> classes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    classes[labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  std::mt19937_64 engine(seed);
  std::vector<std::vector<Run>> slots(delta > 0 ? std::max(kLeastSlots, classes.size()) : 1);
  for (auto& [label, images] : classes) {
    shuffle(images, engine);
    spread(images, draw_shares(slots.size(), delta, engine), slots);
  }
  std::vector<std::int64_t> order;
  order.reserve(labels.size());
  for (auto& slot : slots) {
    shuffle(slot, engine);
    for (const Run& run : slot) {
      order.insert(order.end(), run.begin(), run.end());
    }
  }
  return order;
}

}  // namespace ttscale::data
