// SPDX-License-Identifier: MIT
// Label map of a segmentation data set -> the numbers stored in it.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "image/decode.h"

namespace ttscale::image {

/// Decodes a PNG with one channel to int64 [H, W]: gray of 1, 2, 4, 8 or 16 bits and palette indices of 1 to 8 bits, as
/// stored. Gray of few bits is not stretched to 0..255, and palette colours are not looked up: for 8 and 16 bits and
/// palettes this is numpy.asarray(PIL.Image.open(path)). Throws DataError for a file that is missing, empty, truncated,
/// damaged, of another format, with colour or alpha, or above the limits.
at::Tensor decode_labels(const std::filesystem::path& file, const DecodeLimits& limits = {});

}  // namespace ttscale::image
