// SPDX-License-Identifier: MIT
// Antialiased resizing of 8-bit images, bit for bit as Pillow's Image.resize (filters of Pillow, HPND licence).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/isa.h"

namespace ttscale::image {

/// Filters with the names that timm and torchvision use: "nearest", "bilinear", "bicubic", "box".
enum class Interpolation { kNearest, kBilinear, kBicubic, kBox };

/// The filter of that name; throws UsageError for any other text.
Interpolation parse_interpolation(const std::string& text);

/// The name that parse_interpolation() reads.
std::string to_string(Interpolation interpolation);

/// Height and width in pixels.
struct Size {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

inline bool operator==(const Size& a, const Size& b) { return a.height == b.height && a.width == b.width; }
inline bool operator!=(const Size& a, const Size& b) { return !(a == b); }

/// A rectangle of an image, in pixels.
struct Window {
  std::int64_t top = 0;
  std::int64_t left = 0;
  Size size;
};

/// Resizes uint8 [H, W, C] (C is 1, 3 or 4) to uint8 [size.height, size.width, C]. Returns `hwc` itself if the size is
/// the same. The order of the passes is that of Pillow up to 12; Pillow 13 filters vertically first where the height
/// shrinks much more than the width (python-pillow/Pillow#9549), which differs by a few levels. Throws UsageError for
/// another tensor or an empty size.
at::Tensor resize(const at::Tensor& hwc, Size size, Interpolation interpolation);

/// The pixels of `window` of resize(hwc, size, interpolation), computing only those: [window.height, window.width, C].
/// Throws UsageError if the window does not lie inside `size`.
at::Tensor resize_window(const at::Tensor& hwc, Size size, const Window& window, Interpolation interpolation);

/// resize_window() with the loops for `isa`, one of available_isas(); the pixels do not depend on it.
at::Tensor resize_window_on(Isa isa, const at::Tensor& hwc, Size size, const Window& window,
                            Interpolation interpolation);

/// The input pixel that each output pixel takes under kNearest on an axis that goes from `in` to `out` pixels.
std::vector<std::int64_t> nearest_sources(std::int64_t in, std::int64_t out);

}  // namespace ttscale::image
