// SPDX-License-Identifier: MIT
// Resampling of images as sums of areas: how often each image was drawn, times what it shows.
#include "metrics/paired_segmentation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

constexpr std::int64_t kAreas = 4;    // intersection and union under source, then under adapted
constexpr std::int64_t kBlock = 128;  // resamples at a time: the memory of their counts stays small
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The mean over classes of intersection / union; areas alternate as in a row [classes, 4].
double mean_iou(const double* areas, std::int64_t classes) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    const double* area = areas + k * kAreas;
    if (area[1] > 0) {
      sum += area[0] / area[1];
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : kNone;
}

/// Of sums [classes, 4]: mIoU of adapted less that of source.
double difference_of(const double* sums, std::int64_t classes) {
  return mean_iou(sums + 2, classes) - mean_iou(sums, classes);
}

/// How often each image was drawn: double [resamples, images].
at::Tensor draw(std::mt19937_64& engine, std::int64_t resamples, std::int64_t images) {
  at::Tensor counts = at::zeros({resamples, images}, at::kDouble);
  auto* row = counts.data_ptr<double>();
  for (std::int64_t r = 0; r < resamples; ++r, row += images) {
    for (std::int64_t i = 0; i < images; ++i) {
      const double uniform = static_cast<double>(engine() >> 11U) * 0x1p-53;
      const auto drawn = static_cast<std::int64_t>(uniform * static_cast<double>(images));
      row[std::min(drawn, images - 1)] += 1;  // the product may round up to the number of images
    }
  }
  return counts;
}

void check(const BootstrapOptions& options) {
  if (options.resamples < 1) {
    throw UsageError("bootstrap: expected at least one resample, found " + std::to_string(options.resamples));
  }
  if (!(options.level > 0 && options.level < 1)) {
    throw UsageError("bootstrap: expected a level between 0 and 1, found " + std::to_string(options.level));
  }
}

}  // namespace

void PairedSegmentation::add(const std::vector<ClassArea>& source, const std::vector<ClassArea>& adapted) {
  const auto classes = static_cast<std::int64_t>(source.size());
  if (source.size() != adapted.size() || (images_ > 0 && classes != classes_)) {
    throw UsageError("paired comparison: expected areas of the same classes under both rules, found " +
                     std::to_string(source.size()) + " and " + std::to_string(adapted.size()) + " classes");
  }
  classes_ = classes;
  for (std::size_t k = 0; k < source.size(); ++k) {
    if (source[k].union_area > 0 || adapted[k].union_area > 0) {
      entries_.push_back({images_, static_cast<std::int64_t>(k), source[k], adapted[k]});
    }
  }
  ++images_;
}

double PairedSegmentation::difference() const {
  std::vector<double> sums(static_cast<std::size_t>(classes_ * kAreas));
  for (const Entry& entry : entries_) {
    double* sum = sums.data() + entry.label * kAreas;
    sum[0] += static_cast<double>(entry.source.intersection);
    sum[1] += static_cast<double>(entry.source.union_area);
    sum[2] += static_cast<double>(entry.adapted.intersection);
    sum[3] += static_cast<double>(entry.adapted.union_area);
  }
  return difference_of(sums.data(), classes_);
}

std::vector<double> PairedSegmentation::sorted_differences(const BootstrapOptions& options) const {
  at::Tensor areas = at::zeros({images_, classes_ * kAreas}, at::kDouble);
  auto* area = areas.data_ptr<double>();
  for (const Entry& entry : entries_) {
    double* cell = area + (entry.image * classes_ + entry.label) * kAreas;
    cell[0] = static_cast<double>(entry.source.intersection);
    cell[1] = static_cast<double>(entry.source.union_area);
    cell[2] = static_cast<double>(entry.adapted.intersection);
    cell[3] = static_cast<double>(entry.adapted.union_area);
  }
  std::mt19937_64 engine(options.seed);
  std::vector<double> differences;
  for (std::int64_t done = 0; done < options.resamples; done += kBlock) {
    const std::int64_t resamples = std::min(kBlock, options.resamples - done);
    // Whole numbers below 2^53: the product is exact, whatever the order of its sums.
    const at::Tensor sums = at::matmul(draw(engine, resamples, images_), areas).contiguous();
    for (std::int64_t r = 0; r < resamples; ++r) {
      const double value = difference_of(sums.data_ptr<double>() + r * classes_ * kAreas, classes_);
      if (!std::isnan(value)) {
        differences.push_back(value);
      }
    }
  }
  std::sort(differences.begin(), differences.end());
  return differences;
}

Interval PairedSegmentation::interval(const BootstrapOptions& options) const {
  check(options);
  if (entries_.empty()) {
    return {};
  }
  const std::vector<double> sorted = sorted_differences(options);
  if (sorted.empty()) {
    return {};
  }
  const auto cut = static_cast<std::size_t>((1 - options.level) / 2 * static_cast<double>(sorted.size()));
  return {sorted[cut], sorted[sorted.size() - 1 - cut]};
}

}  // namespace ttscale::metrics
