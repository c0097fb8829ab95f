// SPDX-License-Identifier: MIT
#include "stats/rules/auto_neighbours.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>

#include "stats/main_memory.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_drift.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_constants;
using namespace auto_state;
using std::int64_t;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// exp(-36) is less than the rounding of 1, which the weights of the nearest are.
constexpr double kNoWeight = 36;

std::size_t index(int64_t i) { return static_cast<std::size_t>(i); }

/// What is known of the images in the rows, in loops.
class Kept {
 public:
  Kept(const double* labels, const double* probabilities, int64_t slots)
      : probabilities_(probabilities), slots_(slots), sums_(index(slots)), group_(index(slots)) {
    for (int64_t j = 0; j < slots; ++j) {
      group_[index(j)] = std::find(labels, labels + j, labels[j]) - labels;
    }
    std::fill(sums_.begin(), sums_.end(), 0.0);
    double squares = 0;
    for (int64_t j = 0; j < slots; ++j) {
      sums_[index(group_[index(j)])] += probabilities[j];
      squares += probabilities[j] * probabilities[j];
    }
    all_ = agreement(squares, std::accumulate(sums_.begin(), sums_.end(), 0.0));
  }

  /// Probability that two of an image's neighbours are of one class, beyond that of any two images.
  double concentration(const std::vector<double>& weights) {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    double squares = 0;
    double sum = 0;
    for (int64_t j = 0; j < slots_; ++j) {
      const double share = weights[index(j)] * probabilities_[j];
      sums_[index(group_[index(j)])] += share;
      squares += share * share;
      sum += share;
    }
    return std::max(agreement(squares, sum) - all_, 0.0);
  }

 private:
  [[nodiscard]] double agreement(double squares, double sum) const {
    const double all = std::max(sum * sum, kLeastPredicted);
    return (sum_of_squares() - squares) / std::max(all - squares, kLeastOthers * all);
  }

  [[nodiscard]] double sum_of_squares() const {
    double sum = 0;
    for (const double x : sums_) {
      sum += x * x;
    }
    return sum;
  }

  const double* probabilities_;
  int64_t slots_;
  std::vector<double> sums_;    ///< by group
  std::vector<int64_t> group_;  ///< the first row with the same label
  double all_ = 0;
};

double decay_of_ratios(int64_t images) { return std::pow(kRatioDecay, static_cast<double>(images)); }

void finish_in_loops(const rule::Auto& rule, const double* best, const int64_t* label, int64_t images, double* stream) {
  const NeighbourLayout layout(rule);
  const int64_t slots = layout.slots();
  double* labels = stream + layout.labels();
  double* probabilities = stream + layout.probabilities();
  if (stream[kImages] != static_cast<double>(images)) {  // the images in these rows have no predictions
    const auto before = static_cast<int64_t>(counted_before(stream[kBefore]));
    const auto taken = static_cast<int64_t>(std::min(counted_before(stream[kImages]), static_cast<double>(slots)));
    for (int64_t i = 0; i < taken; ++i) {
      probabilities[(before + i) % slots] = 0;
    }
    return;
  }
  const NeighbourRows rows(slots, stream[kBefore], images);
  std::vector<double> predicted(index(images), -1);
  for (int64_t i = 0; i < images; ++i) {
    if (std::isfinite(best[i])) {
      predicted[index(i)] = static_cast<double>(label[i]);
    }
  }
  for (int64_t i = rows.first(); i < images; ++i) {
    const bool known = predicted[index(i)] >= 0;
    labels[rows.of(i)] = known ? predicted[index(i)] : 0;
    probabilities[rows.of(i)] = known ? best[i] : 0;
  }
  const double kept = std::min(stream[kBefore] + static_cast<double>(images), static_cast<double>(slots));
  if (images > kMostCompared || stream[kCompared] == 0 || kept < kLeastKept * static_cast<double>(slots)) {
    return;
  }
  measure_drift(layout, predicted, stream);
  Kept classes(labels, probabilities, slots);
  std::vector<double> weights(index(slots));
  // A first look has counted the first images of a stream already: then they start anew.
  const double decay = decay_of_ratios(images) * (stream[kBefore] > 0 ? 1 : 0);
  double sum = 0;
  for (int64_t i = 0; i < images; ++i) {
    neighbour_weights(rule, stream + layout.distances() + i * slots, rows.of(i), weights.data());
    const double explained =
        stream[layout.chance() + i] +
        stream[kCompared] * (kDistanceOfOneClass * classes.concentration(weights) + stream[kConcentration]);
    sum += std::log(std::clamp(stream[layout.apart() + i] / explained, 1.0, kMostRatio));
  }
  if (!std::isfinite(sum)) {  // of images without a row, where all that are kept are zero
    return;
  }
  stream[kRatios] = decay * stream[kRatios] + sum;
  stream[kRatioCount] = decay * stream[kRatioCount] + static_cast<double>(images);
}

}  // namespace

double counted_before(double before) { return before >= 0 && before < kMostImages ? std::trunc(before) : 0; }

at::Tensor counted_before(const at::Tensor& before) {
  return at::where(before.ge(0).logical_and(before.lt(kMostImages)), before.trunc(), at::zeros_like(before));
}

NeighbourRows::NeighbourRows(int64_t slots, double before, int64_t images)
    : slots_(slots),
      before_(static_cast<int64_t>(counted_before(before))),
      images_(images),
      first_(std::max<int64_t>(images - slots, 0)) {}

int64_t NeighbourLayout::labels() const { return kStreamNumbers; }
int64_t NeighbourLayout::apart() const { return distances() + kMostCompared * slots_; }
int64_t NeighbourLayout::chance() const { return apart() + kMostCompared; }
int64_t NeighbourLayout::end() const { return slots_ > 0 ? chance() + kMostCompared : labels(); }

double neighbour_weights(const rule::Auto& rule, const double* distances, int64_t own, double* weights) {
  const auto slots = static_cast<int64_t>(rule.neighbours);
  int64_t others = 0;
  for (int64_t j = 0; j < slots; ++j) {  // weights: the distances to sort, until they are known
    if (j != own && distances[j] < kInfinity) {
      weights[others++] = distances[j];
    }
  }
  const int64_t nearest = std::min(static_cast<int64_t>(rule.alike), others);
  double reference = 0;
  if (nearest > 0) {
    std::nth_element(weights, weights + nearest - 1, weights + others);
    reference = weights[nearest - 1];
  }
  reference = std::max(reference, kLeastNear);
  double sum = 0;
  for (int64_t j = 0; j < slots; ++j) {
    const double beyond = kLikenessSteepness * std::max(distances[j] / reference - 1, 0.0);
    weights[j] = j == own ? 1 : beyond < kNoWeight ? std::exp(-beyond) : 0;
    sum += weights[j];
  }
  double squares = 0;
  for (int64_t j = 0; j < slots; ++j) {
    weights[j] /= sum;
    squares += weights[j] * weights[j];
  }
  return 1 / squares;
}

at::Tensor neighbour_weights(const rule::Auto& rule, const at::Tensor& distances, const at::Tensor& own) {
  const at::Tensor others = distances.masked_fill(own, kInfinity);
  const at::Tensor sorted = std::get<0>(others.sort(1));
  const at::Tensor nearest = others.isfinite().sum(1, /*keepdim=*/true).clamp(1, static_cast<int64_t>(rule.alike));
  const at::Tensor found = sorted.gather(1, nearest - 1);
  const at::Tensor reference = at::where(found.isfinite(), found, at::zeros_like(found)).clamp_min(kLeastNear);
  const at::Tensor weights = (-kLikenessSteepness * (others / reference - 1).clamp_min(0)).exp().masked_fill(own, 1);
  return weights / weights.sum(1, /*keepdim=*/true);
}

double neighbour_share(const rule::Auto& rule, const double* stream) {
  const double log_ratio =
      (stream[kRatios] + kPhantomRatioImages * std::log(kPhantomRatio)) / (stream[kRatioCount] + kPhantomRatioImages);
  const double share = 1 / (1 + std::exp(kApartSteepness * (std::log(rule.apart) - log_ratio)));
  return share < kLeastMixedShare ? 0 : share;
}

at::Tensor neighbour_share(const rule::Auto& rule, const at::Tensor& stream) {
  const at::Tensor log_ratio =
      (stream[kRatios] + kPhantomRatioImages * std::log(kPhantomRatio)) / (stream[kRatioCount] + kPhantomRatioImages);
  const at::Tensor share = (kApartSteepness * (log_ratio - std::log(rule.apart))).sigmoid();
  return share.masked_fill(share < kLeastMixedShare, 0);
}

at::Tensor taken_rows(int64_t slots, const at::Tensor& before, int64_t images) {
  const at::Tensor kept = at::arange(std::max<int64_t>(images - slots, 0), images, before.options());
  return (counted_before(before) + kept).remainder(static_cast<double>(slots)).to(at::kLong);
}

at::Tensor own_rows(int64_t slots, const at::Tensor& before, int64_t images) {
  const at::Tensor taken = taken_rows(slots, before, images);
  const at::Tensor none = at::full({images - taken.size(0)}, -1, taken.options());
  return at::cat({none, taken}).unsqueeze(1) == at::arange(slots, taken.options());
}

void finish_neighbours(const rule::Auto& rule, const at::Tensor& predictions, const at::Tensor& uncounted,
                       at::Tensor& stream) {
  if (rule.neighbours == 0) {
    return;
  }
  if (!lies_in_memory(stream) || !lies_in_memory(predictions)) {
    finish_neighbours_in_tensors(rule, predictions, uncounted, stream);
    return;
  }
  if (uncounted.data_ptr<bool>()[0]) {
    forget_drift(predictions.size(0), stream.data_ptr<double>());
    const auto [best, label] = predictions.max(1);
    finish_in_loops(rule, best.data_ptr<double>(), label.data_ptr<int64_t>(), predictions.size(0),
                    stream.data_ptr<double>());
  }
}

void finish_neighbours_in_tensors(const rule::Auto& rule, const at::Tensor& predictions, const at::Tensor& uncounted,
                                  at::Tensor& stream) {
  const NeighbourLayout layout(rule);
  const int64_t slots = layout.slots();
  const int64_t images = predictions.size(0);
  forget_drift(images, uncounted, stream);
  const at::Tensor counts = uncounted.logical_and(stream[kImages] == static_cast<double>(images));
  const auto set_if = [](const at::Tensor& condition, const at::Tensor& value, const at::Tensor& target) {
    target.copy_(at::where(condition, value, target));
  };
  const at::Tensor taken = taken_rows(slots, stream[kBefore], images);
  const auto [best, label] = predictions.max(1);
  const at::Tensor known = best.isfinite();
  const auto with = [&](const at::Tensor& row, const at::Tensor& values) {
    const at::Tensor kept =
        at::where(known, values, at::zeros_like(values)).narrow(0, images - taken.size(0), taken.size(0));
    return row.index_copy(0, taken, kept);
  };
  const at::Tensor label_row = stream.narrow(0, layout.labels(), slots);
  const at::Tensor probability_row = stream.narrow(0, layout.probabilities(), slots);
  const at::Tensor labels = with(label_row, label.to(at::kDouble));
  const at::Tensor p = with(probability_row, best);
  set_if(counts, labels, label_row);
  const at::Tensor age =
      (at::arange(slots, stream.options()) - counted_before(stream[kBefore])).remainder(static_cast<double>(slots));
  const at::Tensor unpredicted = probability_row.masked_fill(age < stream[kImages], 0);  // other images than these
  set_if(uncounted, at::where(counts, p, unpredicted), probability_row);
  if (images > kMostCompared) {
    return;
  }

  const at::Tensor kept = (stream[kBefore] + static_cast<double>(images)).clamp_max(static_cast<double>(slots));
  const at::Tensor compared =
      counts.logical_and(stream[kCompared] > 0).logical_and(kept >= kLeastKept * static_cast<double>(slots));
  measure_drift(layout, at::where(known, label.to(at::kDouble), at::full_like(best, -1)), compared, stream);
  const at::Tensor same = (labels.unsqueeze(0) == labels.unsqueeze(1)) * p.unsqueeze(0) * p.unsqueeze(1);
  const auto agreement = [](const at::Tensor& agreeing, const at::Tensor& squares, const at::Tensor& sum) {
    const at::Tensor all = sum.square().clamp_min(kLeastPredicted);
    return (agreeing - squares) / at::maximum(all - squares, kLeastOthers * all);
  };
  const at::Tensor weights =
      neighbour_weights(rule, stream.narrow(0, layout.distances(), images * slots).view({images, slots}),
                        own_rows(slots, stream[kBefore], images));
  const at::Tensor concentration =
      (agreement((at::mm(weights, same) * weights).sum(1), (weights * p).square().sum(1), (weights * p).sum(1)) -
       agreement(same.sum(), p.square().sum(), p.sum()))
          .clamp_min(0);
  const at::Tensor explained = stream.narrow(0, layout.chance(), images) +
                               stream[kCompared] * (kDistanceOfOneClass * concentration + stream[kConcentration]);
  const at::Tensor ratios = (stream.narrow(0, layout.apart(), images) / explained).clamp(1, kMostRatio).log();
  const at::Tensor enough = compared.logical_and(ratios.sum().isfinite());
  const at::Tensor decay = decay_of_ratios(images) * (stream[kBefore] > 0).to(at::kDouble);
  set_if(enough, decay * stream[kRatios] + ratios.sum(), stream[kRatios]);
  set_if(enough, decay * stream[kRatioCount] + static_cast<double>(images), stream[kRatioCount]);
}

}  // namespace ttscale::stats
