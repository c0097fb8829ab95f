// SPDX-License-Identifier: MIT
// Softmax, ranks and calibration of one image at a time, in double.
#include "metrics/classification.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "metrics/labels.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

constexpr std::int64_t kTop = 5;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The logits of one image.
struct Row {
  const double* logits;
  std::int64_t classes;

  [[nodiscard]] const double* end() const { return logits + classes; }
};

void check_logits(const at::Tensor& logits) {
  if (!logits.defined() || logits.dim() != 2 || !logits.is_floating_point() || logits.size(1) < 1) {
    throw ModelError("model output: expected floating-point logits [N, classes], found " + describe(logits) +
                     "; export the model so that forward() returns class logits");
  }
}

void check_labels(const at::Tensor& labels, const at::Tensor& logits) {
  if (!labels.defined() || labels.dim() != 1 || labels.scalar_type() != at::kLong || labels.size(0) != logits.size(0)) {
    throw DataError("labels: expected one int64 label for each of " + std::to_string(logits.size(0)) +
                    " rows of logits, found " + describe(labels) + "; the model must return one row for each image");
  }
}

void check_label(std::int64_t label, std::int64_t classes) {
  if (label < 0 || label >= classes) {
    throw DataError("labels: expected a class index below the model's " + std::to_string(classes) + " outputs, found " +
                    std::to_string(label) + "; use the class map of this model");
  }
}

/// Sums over the classes, relative to the largest logit.
struct Exponentials {
  double largest = 0;
  double sum = 0;      ///< of exp(x - largest); NaN where there is no softmax
  double squares = 0;  ///< of its square

  [[nodiscard]] bool exist() const { return !std::isnan(sum); }
  [[nodiscard]] double nll(double logit) const { return largest + std::log(sum) - logit; }
  [[nodiscard]] double probability(double logit) const { return std::exp(logit - largest) / sum; }
};

Exponentials exponentials(const Row& row, double largest) {
  Exponentials result{largest, 0, 0};
  if (!std::isfinite(largest)) {
    result.sum = kNone;
    return result;
  }
  std::for_each(row.logits, row.end(), [&](double x) {
    const double value = std::exp(x - largest);
    result.sum += value;
    result.squares += value * value;
  });
  return result;
}

/// Squares of the other classes' probabilities, and of what the label's lacks to 1. Never negative.
double brier_of(const Exponentials& row, double logit) {
  const double own = std::exp(logit - row.largest);
  const double others = std::max(0.0, row.squares - own * own) / (row.sum * row.sum);
  const double miss = (row.sum - own) / row.sum;
  return others + miss * miss;
}

/// How many logits are larger than the label's, those of equal size and lower index included.
std::int64_t rank_of(const Row& row, std::int64_t label) {
  const double own = row.logits[label];
  std::int64_t rank = 0;
  for (std::int64_t k = 0; k < row.classes; ++k) {
    rank += (row.logits[k] > own || (row.logits[k] == own && k < label)) ? 1 : 0;
  }
  return rank;
}

std::size_t bin_of(double confidence) {
  const auto bin = static_cast<std::int64_t>(std::ceil(confidence * static_cast<double>(kCalibrationBins))) - 1;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, kCalibrationBins - 1));
}

void add_to_bin(CalibrationBin& bin, double confidence, bool correct) {
  ++bin.images;
  bin.correct += correct ? 1 : 0;
  bin.confidence += confidence;
}

Prediction add_row(Classification& sums, const Row& row, std::int64_t label) {
  ClassCount& own = sums.per_class[static_cast<std::size_t>(label)];
  ++sums.images;
  ++own.images;
  const double* best = std::max_element(row.logits, row.end());
  const Exponentials sum = exponentials(row, *best);
  if (!sum.exist()) {
    ++sums.non_finite;
    return {};
  }
  const Prediction prediction{best - row.logits, sum.probability(*best), sum.nll(row.logits[label])};
  const bool correct = prediction.index == label;
  own.correct += correct ? 1 : 0;
  sums.top1_correct += correct ? 1 : 0;
  sums.top5_correct += rank_of(row, label) < kTop ? 1 : 0;
  sums.nll_sum += prediction.nll;
  sums.brier_sum += brier_of(sum, row.logits[label]);
  add_to_bin(sums.bins[bin_of(prediction.confidence)], prediction.confidence, correct);
  return prediction;
}

/// A batch of a model with more outputs, or the sums of one, finds a place for each class.
void grow(std::vector<ClassCount>& per_class, std::size_t classes) {
  per_class.resize(std::max(per_class.size(), classes));
}

double ratio(double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : kNone; }

}  // namespace

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  if (trials <= 0) {
    return {};
  }
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto n = static_cast<double>(trials);
  const double rate = static_cast<double>(successes) / n;
  const double scale = 1 / (1 + kZ * kZ / n);
  const double centre = (rate + kZ * kZ / (2 * n)) * scale;
  const double half = kZ * scale * std::sqrt(rate * (1 - rate) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

std::vector<Prediction> Classification::add(const at::Tensor& logits, const at::Tensor& labels) {
  check_logits(logits);
  check_labels(labels, logits);
  const at::Tensor values = logits.detach().to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor indices = labels.to(at::kCPU).contiguous();
  const std::int64_t classes = values.size(1);
  const auto* label = indices.data_ptr<std::int64_t>();
  std::for_each(label, label + indices.size(0), [&](std::int64_t index) { check_label(index, classes); });
  grow(per_class, static_cast<std::size_t>(classes));
  std::vector<Prediction> predictions;
  predictions.reserve(static_cast<std::size_t>(values.size(0)));
  for (std::int64_t n = 0; n < values.size(0); ++n) {
    predictions.push_back(add_row(*this, {values.data_ptr<double>() + n * classes, classes}, label[n]));
  }
  return predictions;
}

void Classification::merge(const Classification& other) {
  images += other.images;
  top1_correct += other.top1_correct;
  top5_correct += other.top5_correct;
  non_finite += other.non_finite;
  nll_sum += other.nll_sum;
  brier_sum += other.brier_sum;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].images += other.bins[i].images;
    bins[i].correct += other.bins[i].correct;
    bins[i].confidence += other.bins[i].confidence;
  }
  grow(per_class, other.per_class.size());
  for (std::size_t i = 0; i < other.per_class.size(); ++i) {
    per_class[i].images += other.per_class[i].images;
    per_class[i].correct += other.per_class[i].correct;
  }
}

double Classification::top1() const { return ratio(static_cast<double>(top1_correct), images); }

double Classification::top5() const { return ratio(static_cast<double>(top5_correct), images); }

Interval Classification::top1_interval() const { return wilson_interval(top1_correct, images); }

double Classification::nll() const { return ratio(nll_sum, images - non_finite); }

double Classification::brier() const { return ratio(brier_sum, images - non_finite); }

double Classification::mean_class_accuracy() const {
  double sum = 0;
  std::int64_t seen = 0;
  for (const ClassCount& count : per_class) {
    if (count.images > 0) {
      sum += ratio(static_cast<double>(count.correct), count.images);
      ++seen;
    }
  }
  return ratio(sum, seen);
}

double Classification::ece() const {
  double gap = 0;
  for (const CalibrationBin& bin : bins) {
    gap += std::abs(static_cast<double>(bin.correct) - bin.confidence);
  }
  return ratio(gap, images - non_finite);
}

double Classification::mean_confidence() const {
  const double sum = std::accumulate(bins.begin(), bins.end(), 0.0,
                                     [](double total, const CalibrationBin& bin) { return total + bin.confidence; });
  return ratio(sum, images - non_finite);
}

}  // namespace ttscale::metrics
