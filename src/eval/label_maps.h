// SPDX-License-Identifier: MIT
// Segmentation data as an evaluation meets it: images as samples of domains, and the label map of each.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "data/image_tree.h"
#include "data/segmentation_tree.h"
#include "eval/options.h"

namespace ttscale::eval {

/// Where the label map of each image lies. Empty for classification.
class LabelMaps {
 public:
  LabelMaps() = default;
  explicit LabelMaps(const data::SegmentationTree& tree);

  /// The pair of an image of the tree.
  [[nodiscard]] data::SegmentationSample pair_of(const std::filesystem::path& image) const;

 private:
  std::unordered_map<std::string, std::filesystem::path> files_;  ///< by the path of the image
};

/// The label that does not count.
std::int64_t ignored_label(const EvalOptions& options);

/// The pairs of EvalOptions::data and labels. Throws what data::discover_segmentation() throws.
data::SegmentationTree read_pairs(const EvalOptions& options);

/// Their images, each with label 0; classes are those of the options, or none.
data::ImageTree images_of(const data::SegmentationTree& pairs, const EvalOptions& options);

/// Images and label maps: what a fingerprint has to cover.
data::ImageTree files_of(const data::SegmentationTree& pairs);

/// The label map of an image as its preprocessing leaves it, int64 [h, w]. `hwc` is the decoded image. Throws DataError
/// as data::read_labels() does, but not for classes: how many the model has may not be known yet.
at::Tensor read_label_map(const data::SegmentationSample& pair, const at::Tensor& hwc, const EvalOptions& options);

/// Throws DataError naming file, place and value unless the labels int64 [h, w] that read_label_map() returned are
/// classes below `classes` or ignored.
void check_label_map(const at::Tensor& label_map, const data::SegmentationSample& pair, std::int64_t classes,
                     const EvalOptions& options);

}  // namespace ttscale::eval
