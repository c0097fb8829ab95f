// SPDX-License-Identifier: MIT
#include "stats/rules/auto_drift.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_constants;
using namespace auto_state;
using std::int64_t;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Two images: how far beyond kLeastApart they lie apart, in the number of rows.
struct Pair {
  double x, distance;
};

/// Share of the sums that is still counted after a forward.
double decay(int64_t images) { return std::pow(kRatioDecay, static_cast<double>(images)); }

}  // namespace

void measure_drift(const NeighbourLayout& layout, const std::vector<double>& classes, double* stream) {
  const int64_t slots = layout.slots();
  const auto width = static_cast<double>(slots);
  const auto images = static_cast<int64_t>(classes.size());
  const NeighbourRows rows(slots, stream[kBefore], images);
  const double* labels = stream + layout.labels();
  const double* probabilities = stream + layout.probabilities();
  std::vector<Pair> pairs;
  pairs.reserve(static_cast<std::size_t>(slots * images));
  for (int64_t j = 0; j < slots; ++j) {
    const auto back = static_cast<double>(rows.back(j));  // images since this one
    if (!(back < stream[kSinceJump]) || !(probabilities[j] > 0)) {
      continue;
    }
    for (int64_t i = 0; i < images; ++i) {
      const double apart = std::abs(back - static_cast<double>(images - 1 - i));
      const double distance = stream[layout.distances() + i * slots + j];
      const double predicted = classes[static_cast<std::size_t>(i)];
      if (apart >= kLeastApart && predicted >= 0 && predicted != labels[j] && distance < kInfinity) {
        pairs.push_back({(apart - kLeastApart) / width, distance});
      }
    }
  }
  Pair mean{};
  const double count = std::max<double>(static_cast<double>(pairs.size()), 1);
  for (const Pair& pair : pairs) {
    mean.x += pair.x / count;
    mean.distance += pair.distance / count;
  }
  double squares = 0;
  double products = 0;
  for (const Pair& pair : pairs) {
    squares += (pair.x - mean.x) * (pair.x - mean.x);
    products += (pair.x - mean.x) * (pair.distance - mean.distance);
  }
  products /= std::max(mean.distance, kLeastDistance);
  const double kept = stream[kSites] > 0 ? stream[kKeepSum] / stream[kSites] : 1;
  const auto add = [&](Stream number, double sum) {
    stream[number] = decay(images) * kept * stream[number] + sum / width;
  };
  add(kPairs, static_cast<double>(pairs.size()));
  add(kApartSum, mean.x * static_cast<double>(pairs.size()));
  add(kApartSquares, squares);
  add(kApartDistance, products);
}

void measure_drift(const NeighbourLayout& layout, const at::Tensor& classes, const at::Tensor& counts,
                   at::Tensor& stream) {
  const int64_t slots = layout.slots();
  const auto width = static_cast<double>(slots);
  const int64_t images = classes.size(0);
  const at::Tensor newest = counted_before(stream[kBefore]) + static_cast<double>(images - 1);
  const at::Tensor back = (newest - at::arange(slots, stream.options())).remainder(width);
  const at::Tensor since = at::arange(images - 1, -1, -1, stream.options());
  const at::Tensor apart = (back.unsqueeze(0) - since.unsqueeze(1)).abs();
  const at::Tensor distances = stream.narrow(0, layout.distances(), images * slots).view({images, slots});
  const at::Tensor kept_counts =
      (back < stream[kSinceJump]).logical_and(stream.narrow(0, layout.probabilities(), slots) > 0);
  const at::Tensor counted =
      (apart >= kLeastApart)
          .logical_and(kept_counts)
          .logical_and((classes >= 0).unsqueeze(1))
          .logical_and(classes.unsqueeze(1) != stream.narrow(0, layout.labels(), slots).unsqueeze(0))
          .logical_and(distances < kInfinity);
  const at::Tensor w = counted.to(at::kDouble);
  const at::Tensor x = (apart - kLeastApart) / width;
  const at::Tensor y = at::where(counted, distances, at::zeros_like(distances));
  const at::Tensor pairs = w.sum();
  const at::Tensor count = pairs.clamp_min(1);
  const at::Tensor off = w * (x - (w * x).sum() / count);
  const at::Tensor mean = y.sum() / count;
  const at::Tensor products = (off * (y - mean)).sum() / mean.clamp_min(kLeastDistance);
  const at::Tensor sums = at::stack({pairs, (w * x).sum(), off.square().sum(), products}) / width;
  const at::Tensor kept = at::where(stream[kSites] > 0, stream[kKeepSum] / stream[kSites].clamp_min(1), 1.0);
  at::Tensor line = stream.narrow(0, kPairs, sums.size(0));
  line.copy_(at::where(counts, line * (decay(images) * kept) + sums, line));
}

double memory_in_drift(const NeighbourLayout& layout, const double* stream) {
  const double slope = stream[kApartDistance] / (stream[kApartSquares] + kPhantomApart);
  const double x = stream[kApartSum] / std::max(stream[kPairs], kLeastPairs);
  const double start = std::max(1 - slope * x, kLeastStart);
  const double growth = slope / start / static_cast<double>(layout.slots()) - kLeastGrowth;
  return growth > 0 ? std::sqrt(1 / (2 * growth)) : kInfinity;
}

at::Tensor memory_in_drift(const NeighbourLayout& layout, const at::Tensor& stream) {
  const at::Tensor slope = stream[kApartDistance] / (stream[kApartSquares] + kPhantomApart);
  const at::Tensor x = stream[kApartSum] / stream[kPairs].clamp_min(kLeastPairs);
  const at::Tensor start = (1 - slope * x).clamp_min(kLeastStart);
  const at::Tensor growth = slope / start / static_cast<double>(layout.slots()) - kLeastGrowth;
  return at::where(growth > 0, (2 * growth).rsqrt(), at::full_like(growth, kInfinity));
}

}  // namespace ttscale::stats
