// SPDX-License-Identifier: MIT
// Pointwise mutual information of two models' predictions.
#include "stats/comparison.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "stats/probabilities.h"

namespace ttscale::stats {
namespace {

constexpr std::int64_t kMostPixels = 1024;
constexpr double kMemory = 64;                 // images: the gain follows the last ones
constexpr double kLargestBatch = kMemory / 2;  // images that one batch counts for: its images are much alike
constexpr double kMarginalMemory = 256;  // images: classes are told by more, so that a run of one class is no collapse
constexpr double kUniformImages = 32;    // in the mean prediction: the first images say little of the classes
constexpr double kSmallestProbability = 1e-12;

/// Predicted classes and the information in them, [n, P] each.
struct Predictions {
  at::Tensor classes, information, confidence;
};

Predictions predictions(const at::Tensor& probabilities, const at::Tensor& mass) {
  const auto [confidence, classes] = probabilities.max(1);
  const double uniform = kUniformImages / static_cast<double>(mass.size(0));
  const at::Tensor mean = (mass + uniform) / (mass.sum() + kUniformImages);
  const at::Tensor expected = mean.index_select(0, classes.flatten()).view_as(classes);
  return {classes, (confidence.clamp_min(kSmallestProbability) / expected).log(), confidence};
}

/// Rows and columns of a map [N, K, H, W] at even steps, such that they make no more than kMostPixels. The side that
/// has more left is thinned, so that neither is reduced to a line: steps over the flattened map would be whole rows of
/// a map whose width they divide.
at::Tensor grid(const at::Tensor& map) {
  std::int64_t row_step = 1;
  std::int64_t column_step = 1;
  const auto rows = [&] { return (map.size(2) + row_step - 1) / row_step; };
  const auto columns = [&] { return (map.size(3) + column_step - 1) / column_step; };
  while (rows() * columns() > kMostPixels) {
    ++(columns() > rows() ? column_step : row_step);
  }
  return map.slice(2, 0, c10::nullopt, row_step).slice(3, 0, c10::nullopt, column_step);
}

double effective_classes(const at::Tensor& mass) {
  if (!mass.defined()) {
    return 0;
  }
  const at::Tensor p = (mass / mass.sum().clamp_min(kSmallestProbability)).clamp_min(kSmallestProbability);
  return std::exp(-(p * p.log()).sum().item<double>());
}

}  // namespace

at::Tensor class_probabilities(const at::Tensor& scores) {
  const bool classes = scores.dim() == 2 || scores.dim() == 4;
  if (!classes || !scores.is_floating_point() || scores.size(1) < 2 || scores.numel() == 0) {
    return {};
  }
  const at::Tensor own = scores.detach();
  return probabilities((own.dim() == 2 ? own.unsqueeze(2) : grid(own).flatten(2)).to(at::kCPU));
}

void Comparison::remember(Model& model, const at::Tensor& probabilities) const {
  const at::Tensor added = probabilities.mean(2).sum(0);
  const at::Tensor mass = model.mass.defined() ? model.mass + added : added;  // not in place: copies share it
  model.mass = mass * std::min(1.0, kMarginalMemory / mass.sum().item<double>());
}

void Comparison::add(const at::Tensor& source, const at::Tensor& adapted) {
  if (source_.mass.defined() && source_.mass.size(0) != source.size(1)) {
    *this = Comparison();
  }
  const at::Tensor known = source.isnan().flatten(1).any(1).logical_not().nonzero();
  if (known.size(0) == 0) {
    return;
  }
  const at::Tensor rows = known.squeeze(1);
  const at::Tensor s = source.index_select(0, rows);
  const at::Tensor given = adapted.index_select(0, rows);
  const at::Tensor broken = given.isnan().flatten(1).any(1);  // where the source still knows something: lost
  const at::Tensor a = at::where(broken.view({-1, 1, 1}), at::zeros_like(given), given);
  remember(source_, s);
  remember(adapted_, a);
  const Predictions before = predictions(s, source_.mass);
  const Predictions after = predictions(a, adapted_.mass);
  const at::Tensor same = (before.classes == after.classes).logical_and(broken.logical_not().unsqueeze(1));
  const at::Tensor told = (((after.information - before.information) / 2).tanh() * same.logical_not()).mean(1);
  const at::Tensor gain = at::where(broken, at::full_like(told, -1), told);  // [n], means over pixels

  const auto count = static_cast<double>(rows.size(0));
  const double weight = std::min(count, kLargestBatch);  // as many images as it counts for, in the error too
  const auto add_mean = [&](double& sum, const at::Tensor& of_images) {
    sum += weight * of_images.mean().item<double>();
  };
  images_ += weight;
  batches_ += 1;
  add_mean(sum_, gain);
  add_mean(squares_, gain.square());
  add_mean(agreed_, same.to(at::kDouble));
  add_mean(source_confidence_, before.confidence);
  add_mean(adapted_confidence_, after.confidence);
  const double keep = std::min(1.0, kMemory / images_);
  for (double* sum : {&images_, &sum_, &squares_, &agreed_, &source_confidence_, &adapted_confidence_}) {
    *sum *= keep;
  }
}

void Comparison::change_adapted() {
  const Model source = source_;
  *this = Comparison();
  source_ = source;
  // The same images have the same classes. With no history the adapted model would seem to collapse in the first run of
  // one class, of which the source has one to set against it.
  adapted_ = source;
}

std::vector<double*> Comparison::scalars() {
  return {&images_, &batches_, &sum_, &squares_, &agreed_, &source_confidence_, &adapted_confidence_};
}

at::Tensor Comparison::numbers() const {
  Comparison copy = *this;
  std::vector<double> scalars;
  for (const double* value : copy.scalars()) {
    scalars.push_back(*value);
  }
  const at::Tensor none = at::zeros({0}, at::kDouble);
  const at::Tensor source = source_.mass.defined() ? source_.mass : none;
  return at::cat({at::tensor(scalars, at::kDouble), source, adapted_.mass.defined() ? adapted_.mass : none});
}

bool Comparison::from_numbers(const at::Tensor& numbers) {
  Comparison next;
  const std::vector<double*> values = next.scalars();
  const auto scalars = static_cast<std::int64_t>(values.size());
  const std::int64_t masses = numbers.dim() == 1 ? numbers.numel() - scalars : -1;
  if (masses < 0 || masses % 2 != 0 || !numbers.isfinite().all().item<bool>()) {
    return false;
  }
  for (std::int64_t i = 0; i < scalars; ++i) {
    *values[static_cast<std::size_t>(i)] = numbers[i].item<double>();
  }
  const at::Tensor mass = numbers.narrow(0, scalars, masses);
  if (next.images_ < 0 || next.batches_ < 0 || (masses > 0 && mass.min().item<double>() < 0)) {
    return false;
  }
  if (masses > 0) {
    next.source_.mass = mass.narrow(0, 0, masses / 2).clone();
    next.adapted_.mass = mass.narrow(0, masses / 2, masses / 2).clone();
  }
  *this = next;
  return true;
}

Comparison::Summary Comparison::summary() const {
  Summary out;
  out.images = images_;
  out.batches = batches_;
  if (images_ == 0) {
    return out;
  }
  out.gain = sum_ / images_;
  // 1 / n in the variance: a few images that all say the same do not make it certain.
  const double variance = std::max(0.0, squares_ / images_ - out.gain * out.gain) + 1 / images_;
  out.error = std::sqrt(variance / images_);
  out.agreement = agreed_ / images_;
  out.source_confidence = source_confidence_ / images_;
  out.adapted_confidence = adapted_confidence_ / images_;
  out.source_classes = effective_classes(source_.mass);
  out.adapted_classes = effective_classes(adapted_.mass);
  return out;
}

}  // namespace ttscale::stats
