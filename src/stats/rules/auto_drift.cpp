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
constexpr int64_t kSums = kApartDistance + 1 - kPairs;

double decay(int64_t images) { return std::pow(kRatioDecay, static_cast<double>(images)); }

}  // namespace

void measure_drift(const NeighbourLayout& layout, const std::vector<double>& classes, double* stream) {
  const int64_t slots = layout.slots();
  const auto width = static_cast<double>(slots);
  const auto images = static_cast<int64_t>(classes.size());
  const NeighbourRows rows(slots, stream[kBefore], images);
  const double* labels = stream + layout.labels();
  const double* probabilities = stream + layout.probabilities();
  std::vector<double> back(static_cast<std::size_t>(slots));  // how many images have come since the one in a row
  for (int64_t j = 0; j < slots; ++j) {
    back[static_cast<std::size_t>(j)] = probabilities[j] > 0 ? static_cast<double>(rows.back(j)) : kInfinity;
  }
  double pairs = 0;
  double sum_x = 0;
  double sum_y = 0;
  double squares = 0;
  double products = 0;
  for (int64_t i = 0; i < images; ++i) {
    const double predicted = classes[static_cast<std::size_t>(i)];
    const auto since = static_cast<double>(images - 1 - i);  // and since this one
    const double* distances = stream + layout.distances() + i * slots;
    if (predicted < 0 || !(since < stream[kSinceJump])) {
      continue;
    }
    for (int64_t j = 0; j < slots; ++j) {
      const double of_row = back[static_cast<std::size_t>(j)];
      const double x = (std::abs(of_row - since) - kLeastApart) / width;
      if (x >= 0 && of_row < stream[kSinceJump] && predicted != labels[j] && distances[j] < kInfinity) {
        pairs += 1;
        sum_x += x;
        sum_y += distances[j];
        squares += x * x;
        products += x * distances[j];
      }
    }
  }
  const double n = std::max(pairs, 1.0);
  stream[kPairs] += pairs / width;
  stream[kApartSum] += sum_x / width;
  stream[kApartSquares] += (squares - sum_x * sum_x / n) / width;
  stream[kApartDistance] += (products - sum_x * sum_y / n) / std::max(sum_y / n, kLeastNear) / width;
}

void measure_drift(const NeighbourLayout& layout, const at::Tensor& classes, const at::Tensor& counts,
                   at::Tensor& stream) {
  const int64_t slots = layout.slots();
  const auto width = static_cast<double>(slots);
  const int64_t images = classes.size(0);
  const at::Tensor newest = counted_before(stream[kBefore]) + static_cast<double>(images - 1);
  const at::Tensor back = (newest - at::arange(slots, stream.options())).remainder(width);
  const at::Tensor since = at::arange(images - 1, -1, -1, stream.options());
  const at::Tensor x = ((back.unsqueeze(0) - since.unsqueeze(1)).abs() - kLeastApart) / width;
  const at::Tensor distances = stream.narrow(0, layout.distances(), images * slots).view({images, slots});
  const at::Tensor of_kept =
      (back < stream[kSinceJump]).logical_and(stream.narrow(0, layout.probabilities(), slots) > 0);
  const at::Tensor of_images = (since < stream[kSinceJump]).logical_and(classes >= 0);
  const at::Tensor counted =
      (x >= 0)
          .logical_and(of_kept)
          .logical_and(of_images.unsqueeze(1))
          .logical_and(classes.unsqueeze(1) != stream.narrow(0, layout.labels(), slots).unsqueeze(0))
          .logical_and(distances < kInfinity);
  const at::Tensor w = counted.to(at::kDouble);
  const at::Tensor y = at::where(counted, distances, at::zeros_like(distances));
  const at::Tensor pairs = w.sum();
  const at::Tensor n = pairs.clamp_min(1);
  const at::Tensor off = w * (x - (w * x).sum() / n);
  const at::Tensor mean = y.sum() / n;
  const at::Tensor products = (off * (y - mean)).sum() / mean.clamp_min(kLeastNear);
  const at::Tensor sums = at::stack({pairs, (w * x).sum(), off.square().sum(), products}) / width;
  at::Tensor line = stream.narrow(0, kPairs, kSums);
  line.copy_(at::where(counts, line + sums, line));
}

void forget_drift(int64_t images, double* stream) {
  const double kept = stream[kSites] > 0 ? stream[kKeepSum] / stream[kSites] : 1;
  for (int64_t k = kPairs; k < kPairs + kSums; ++k) {
    const double less = stream[k] * (kept * decay(images));
    stream[k] = std::isfinite(less) ? less : 0;
  }
  const double next = kept < kJumpKeeps ? 0 : stream[kSinceJump] + static_cast<double>(images);
  stream[kSinceJump] = next < kMostImages ? next : 0;
}

void forget_drift(int64_t images, const at::Tensor& uncounted, at::Tensor& stream) {
  const at::Tensor kept = at::where(stream[kSites] > 0, stream[kKeepSum] / stream[kSites].clamp_min(1), 1.0);
  at::Tensor line = stream.narrow(0, kPairs, kSums);
  const at::Tensor less = line * (kept * decay(images));
  line.copy_(at::where(uncounted, at::where(less.isfinite(), less, at::zeros_like(less)), line));
  const at::Tensor& since = stream[kSinceJump];
  const at::Tensor next = at::where(kept < kJumpKeeps, at::zeros_like(since), since + static_cast<double>(images));
  since.copy_(at::where(uncounted, at::where(next < kMostImages, next, at::zeros_like(next)), since));
}

double memory_in_drift(const rule::Auto& rule, const double* stream) {
  const double slope = stream[kApartDistance] / (std::max(stream[kApartSquares], 0.0) + kPhantomApart);
  const double x = stream[kApartSum] / std::max(stream[kPairs], kLeastPairs);
  const double start = std::max(1 - slope * x, kLeastStart);
  const double growth = slope / start / rule.neighbours - kLeastGrowth;
  if (!(growth > 0)) {
    return kInfinity;
  }
  return std::max(std::sqrt(1 / (2 * growth)), rule.block);
}

at::Tensor memory_in_drift(const rule::Auto& rule, const at::Tensor& stream) {
  const at::Tensor slope = stream[kApartDistance] / (stream[kApartSquares].clamp_min(0) + kPhantomApart);
  const at::Tensor x = stream[kApartSum] / stream[kPairs].clamp_min(kLeastPairs);
  const at::Tensor start = (1 - slope * x).clamp_min(kLeastStart);
  const at::Tensor growth = slope / start / rule.neighbours - kLeastGrowth;
  return at::where(growth > 0, (2 * growth).rsqrt().clamp_min(rule.block), at::full_like(growth, kInfinity));
}

}  // namespace ttscale::stats
