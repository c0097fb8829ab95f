// SPDX-License-Identifier: MIT
// Where the pixels of an image end up when it is brought to the size of a model: for images and their label maps.
#pragma once

#include <cstdint>

#include "image/preprocess.h"

namespace ttscale::image {

/// Where one axis of the crop lies: pixels `from` .. `from + length` of the scaled image land at `to` of the crop.
struct Span {
  std::int64_t from;
  std::int64_t to;
  std::int64_t length;
};

/// Scale the image to `scaled`, then take `rows` and `columns`; what they leave of img_size is padding.
struct FitGeometry {
  Size scaled;
  Span rows;
  Span columns;
};

/// The geometry of fit() for an image of that size, by the resizing rules of torchvision and timm. `options.img_size`
/// must be there.
FitGeometry fit_geometry(Size image, const Preprocessing& options);

/// Python's round(): half to even, in the default rounding mode.
std::int64_t round_half_even(double value);

}  // namespace ttscale::image
