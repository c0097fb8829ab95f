// SPDX-License-Identifier: MIT
// Streaming metrics of semantic segmentation: logits and label maps in, a confusion matrix that can be merged out.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ttscale::metrics {

/// Label of pixels that do not count; 255 in Cityscapes, VOC, ADE20K (reduced) and most others.
constexpr std::int64_t kIgnoreIndex = 255;

/// The class of each pixel, int64 [N, height, width] on the CPU, from logits [N, K, h, w] of any floating type and
/// device: resized to that size bilinearly in float32 (at::upsample_bilinear2d, align_corners = false) unless they have
/// it, then the first largest. -1 where the largest is NaN or infinite. Throws ModelError for other logits.
at::Tensor predicted_classes(const at::Tensor& logits, std::int64_t height, std::int64_t width);

/// Pixels of one class: what its IoU is taken from.
struct ClassArea {
  std::int64_t intersection = 0;  ///< labelled and predicted so
  std::int64_t union_area = 0;    ///< labelled or predicted so
};

/// Intersection over union; NaN for a class that occurs nowhere.
double iou(const ClassArea& area);

/// Counts of pixels; rates are taken from them when asked for. Copy, merge and store it freely.
///
/// Pixels whose label is `ignore_index` count nowhere, whatever was predicted there. A pixel without a prediction (-1)
/// is wrong: it counts for its label and for no predicted class.
///
/// IoU of a class = right / (labelled + predicted - right) over the pixels of all images together, as mmsegmentation
/// and torchmetrics' JaccardIndex do it; a class that occurs neither in labels nor in predictions has none (NaN) and is
/// left out of the mean, as with both. A class that is predicted but never labelled has IoU 0 and is in the mean. Where
/// `ignore_index` is one of the K classes, that class has no IoU, as with torchmetrics; mmsegmentation would give it 0.
/// torchmetrics' MeanIoU differs: it averages over images. So does torchvision's reference script: one class that does
/// not occur makes its mean NaN.
struct Segmentation {
  std::int64_t ignore_index = kIgnoreIndex;
  std::int64_t classes = 0;  ///< K; 0 before the first batch
  std::int64_t images = 0;
  std::int64_t non_finite = 0;          ///< pixels that count and have no prediction
  std::vector<std::int64_t> confusion;  ///< [K, K+1]: row the label, column the prediction, the last one for none

  /// Adds a batch and returns predicted_classes() at the size of the labels: logits [N, K, h, w], labels int64
  /// [N, H, W] in 0..K-1 or ignore_index. Throws ModelError for other logits or another K than before, DataError for
  /// other labels; then nothing is added.
  at::Tensor add(const at::Tensor& logits, const at::Tensor& labels);

  /// Adds a batch whose classes are known: predictions and labels int64 [N, H, W], predictions in -1..K-1. Throws like
  /// add().
  void add_classes(const at::Tensor& predictions, const at::Tensor& labels, std::int64_t class_count);

  /// Adds what another has seen. Throws UsageError if both have seen batches with different K, or their ignore_index
  /// differs.
  void merge(const Segmentation& other);

  /// Pixels that count.
  [[nodiscard]] std::int64_t pixels() const;
  /// Pixels that count and are right.
  [[nodiscard]] std::int64_t right() const;
  /// Share of the pixels that are right; like all means NaN where there is nothing to take it of.
  [[nodiscard]] double pixel_accuracy() const;
  /// Intersection and union of each class; zero for the ignored one.
  [[nodiscard]] std::vector<ClassArea> class_areas() const;
  /// IoU of each class; NaN for a class that occurs neither in labels nor in predictions, and for the ignored one.
  [[nodiscard]] std::vector<double> class_iou() const;
  /// Share of the labelled pixels of each class that are right; NaN for a class without labels.
  [[nodiscard]] std::vector<double> class_accuracy() const;
  /// Mean of class_iou() over the classes that have one ("mIoU").
  [[nodiscard]] double mean_iou() const;
  /// Mean of class_accuracy() over the classes that have one ("mAcc").
  [[nodiscard]] double mean_class_accuracy() const;
};

}  // namespace ttscale::metrics
