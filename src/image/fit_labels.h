// SPDX-License-Identifier: MIT
// Takes a label map through the resizing and cropping of its image.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "image/preprocess.h"

namespace ttscale::image {

/// int64 [H, W] -> int64 [h, w]: the sizes, offsets and crop that fit() takes an image of that size through, with the
/// nearest label in place of a filter (Pillow's NEAREST: the pixel that holds the centre). Where fit() pads, the label
/// is `padding` (the ignore index). Returns `labels` itself where nothing changes. `preprocessing` must be one that
/// validate() accepts. Throws UsageError for another tensor.
at::Tensor fit_labels(const at::Tensor& labels, const Preprocessing& preprocessing, std::int64_t padding);

}  // namespace ttscale::image
