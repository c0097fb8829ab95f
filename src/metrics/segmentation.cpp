// SPDX-License-Identifier: MIT
// Argmax of resized logits, and sums over a confusion matrix.
#include "metrics/segmentation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "metrics/labels.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void check_logits(const at::Tensor& logits) {
  if (!logits.defined() || logits.dim() != 4 || !logits.is_floating_point() || logits.numel() == 0) {
    throw ModelError("model output: expected floating-point logits [N, classes, H, W], found " + describe(logits) +
                     "; export the model so that forward() returns a map of class logits");
  }
}

bool is_map(const at::Tensor& tensor) {
  return tensor.defined() && tensor.dim() == 3 && tensor.scalar_type() == at::kLong;
}

void check_labels(const at::Tensor& labels, std::int64_t images) {
  if (!is_map(labels) || labels.size(0) != images || labels.numel() == 0) {
    throw DataError("labels: expected int64 [" + std::to_string(images) + ", H, W], found " + describe(labels) +
                    "; the model must return one map for each image");
  }
}

/// Of one image [1, K, h, w]: the map of classes [height, width].
at::Tensor classes_of_image(const at::Tensor& logits, std::int64_t height, std::int64_t width) {
  const bool fits = logits.size(2) == height && logits.size(3) == width;
  const at::Tensor resized = fits ? logits : at::upsample_bilinear2d(logits.to(at::kFloat), {height, width}, false);
  const auto [largest, index] = resized.max(1);
  return index.masked_fill(at::isfinite(largest).logical_not(), -1).squeeze(0);
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNone;
}

double mean_of_existing(const std::vector<double>& values) {
  double sum = 0;
  std::int64_t count = 0;
  for (const double value : values) {
    if (!std::isnan(value)) {
      sum += value;
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : kNone;
}

/// Pixels of one class.
struct ClassPixels {
  std::int64_t right = 0;
  std::int64_t labelled = 0;
  std::int64_t predicted = 0;
};

std::vector<ClassPixels> pixels_by_class(const Segmentation& sums) {
  std::vector<ClassPixels> result(static_cast<std::size_t>(sums.classes));
  const std::size_t classes = result.size();
  for (std::size_t label = 0; label < classes; ++label) {
    const std::int64_t* row = sums.confusion.data() + label * (classes + 1);
    result[label].right = row[label];
    result[label].labelled = row[classes];
    for (std::size_t predicted = 0; predicted < classes; ++predicted) {
      result[label].labelled += row[predicted];
      result[predicted].predicted += row[predicted];
    }
  }
  return result;
}

void check_pixel(std::int64_t predicted, std::int64_t label, const Segmentation& batch) {
  if (label < 0 || label >= batch.classes) {
    throw DataError("labels: expected classes below the model's " + std::to_string(batch.classes) +
                    " outputs or the ignored label " + std::to_string(batch.ignore_index) + ", found " +
                    std::to_string(label) + "; use labels of this model's classes or set the ignored label");
  }
  if (predicted < -1 || predicted >= batch.classes) {
    throw UsageError("segmentation: expected predictions of -1 to " + std::to_string(batch.classes - 1) + ", found " +
                     std::to_string(predicted));
  }
}

void add_pixel(Segmentation& batch, std::int64_t predicted, std::int64_t label) {
  if (label == batch.ignore_index) {
    return;
  }
  check_pixel(predicted, label, batch);
  const std::int64_t column = predicted < 0 ? batch.classes : predicted;
  ++batch.confusion[static_cast<std::size_t>(label * (batch.classes + 1) + column)];
  batch.non_finite += predicted < 0 ? 1 : 0;
}

}  // namespace

double iou(const ClassArea& area) { return ratio(area.intersection, area.union_area); }

at::Tensor predicted_classes(const at::Tensor& logits, std::int64_t height, std::int64_t width) {
  check_logits(logits);
  at::Tensor result = at::empty({logits.size(0), height, width}, at::TensorOptions().dtype(at::kLong));
  for (std::int64_t n = 0; n < logits.size(0); ++n) {  // one at a time: resized logits of a batch can be gigabytes
    result.select(0, n).copy_(classes_of_image(logits.detach().narrow(0, n, 1), height, width));
  }
  return result;
}

at::Tensor Segmentation::add(const at::Tensor& logits, const at::Tensor& labels) {
  check_logits(logits);
  check_labels(labels, logits.size(0));
  at::Tensor predictions = predicted_classes(logits, labels.size(1), labels.size(2));
  add_classes(predictions, labels, logits.size(1));
  return predictions;
}

void Segmentation::add_classes(const at::Tensor& predictions, const at::Tensor& labels, std::int64_t class_count) {
  check_labels(labels, labels.defined() && labels.dim() > 0 ? labels.size(0) : 1);
  if (!is_map(predictions) || predictions.sizes() != labels.sizes()) {
    throw UsageError("segmentation: expected predictions of the labels' shape, found " + describe(predictions) +
                     " and " + describe(labels));
  }
  if (classes != 0 && classes != class_count) {
    throw ModelError("model output: expected " + std::to_string(classes) + " classes as before, found " +
                     std::to_string(class_count) + "; one model must score all batches");
  }
  Segmentation batch;  // beside the sums until every pixel has been checked
  batch.ignore_index = ignore_index;
  batch.classes = class_count;
  batch.images = labels.size(0);
  batch.confusion.resize(static_cast<std::size_t>(class_count * (class_count + 1)));
  const at::Tensor predicted = predictions.to(at::kCPU).contiguous();
  const at::Tensor labelled = labels.to(at::kCPU).contiguous();
  const auto* prediction = predicted.data_ptr<std::int64_t>();
  const auto* label = labelled.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < labelled.numel(); ++i) {
    add_pixel(batch, prediction[i], label[i]);
  }
  merge(batch);
}

void Segmentation::merge(const Segmentation& other) {
  if (other.ignore_index != ignore_index || (classes != 0 && other.classes != 0 && classes != other.classes)) {
    throw UsageError("segmentation: expected sums of the same classes and ignored label to merge, found " +
                     std::to_string(classes) + " and " + std::to_string(other.classes) + " classes, ignored labels " +
                     std::to_string(ignore_index) + " and " + std::to_string(other.ignore_index));
  }
  if (other.classes == 0) {
    return;
  }
  classes = other.classes;
  images += other.images;
  non_finite += other.non_finite;
  confusion.resize(other.confusion.size());
  for (std::size_t i = 0; i < confusion.size(); ++i) {
    confusion[i] += other.confusion[i];
  }
}

std::int64_t Segmentation::pixels() const {
  std::int64_t sum = 0;
  for (const ClassPixels& of_class : pixels_by_class(*this)) {
    sum += of_class.labelled;
  }
  return sum;
}

std::int64_t Segmentation::right() const {
  std::int64_t sum = 0;
  for (const ClassPixels& of_class : pixels_by_class(*this)) {
    sum += of_class.right;
  }
  return sum;
}

double Segmentation::pixel_accuracy() const { return ratio(right(), pixels()); }

std::vector<ClassArea> Segmentation::class_areas() const {
  std::vector<ClassArea> areas;
  for (const ClassPixels& of_class : pixels_by_class(*this)) {
    const bool ignored = static_cast<std::int64_t>(areas.size()) == ignore_index;
    areas.push_back(ignored ? ClassArea{}
                            : ClassArea{of_class.right, of_class.labelled + of_class.predicted - of_class.right});
  }
  return areas;
}

std::vector<double> Segmentation::class_iou() const {
  const std::vector<ClassArea> areas = class_areas();
  std::vector<double> values(areas.size());
  std::transform(areas.begin(), areas.end(), values.begin(), iou);
  return values;
}

std::vector<double> Segmentation::class_accuracy() const {
  std::vector<double> values;
  for (const ClassPixels& of_class : pixels_by_class(*this)) {
    values.push_back(ratio(of_class.right, of_class.labelled));
  }
  return values;
}

double Segmentation::mean_iou() const { return mean_of_existing(class_iou()); }

double Segmentation::mean_class_accuracy() const { return mean_of_existing(class_accuracy()); }

}  // namespace ttscale::metrics
