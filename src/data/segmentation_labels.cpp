// SPDX-License-Identifier: MIT
// Label maps that fit their image and their model.
#include <algorithm>
#include <string>

#include "data/segmentation_tree.h"
#include "image/decode_labels.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

}  // namespace

at::Tensor read_labels(const SegmentationSample& sample, std::int64_t height, std::int64_t width, std::int64_t classes,
                       std::int64_t ignore_index, const image::DecodeLimits& limits) {
  at::Tensor labels = image::decode_labels(sample.labels, limits);
  if (labels.size(0) != height || labels.size(1) != width) {
    throw DataError("labels: expected the size of the image (" + size_text(height, width) + ", " +
                    sample.image.string() + "), found " + size_text(labels.size(0), labels.size(1)) + ": " +
                    sample.labels.string() + "; labels must be made for this image");
  }
  const auto* begin = labels.data_ptr<std::int64_t>();
  const auto* end = begin + labels.numel();
  const auto* wrong =
      std::find_if(begin, end, [=](std::int64_t value) { return value >= classes && value != ignore_index; });
  if (wrong != end) {
    throw DataError("labels: expected classes 0 to " + std::to_string(classes - 1) + " or the ignored label " +
                    std::to_string(ignore_index) + ", found " + std::to_string(*wrong) + " at row " +
                    std::to_string((wrong - begin) / width) + ", column " + std::to_string((wrong - begin) % width) +
                    ": " + sample.labels.string() + "; use labels of this model's classes or set the ignored label");
  }
  return labels;
}

}  // namespace ttscale::data
