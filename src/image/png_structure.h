// SPDX-License-Identifier: MIT
// Walks the chunks of a PNG file: completeness, checksums, and a copy without what decoding does not need.
#pragma once

#include <vector>

#include "image/format.h"

namespace ttscale::image {

/// What the chunks of a PNG say.
struct PngStructure {
  Size size;
  bool gray16 = false;                  ///< 16-bit gray, which Pillow saturates and OpenCV scales
  std::uint32_t bit_depth = 0;          ///< of a sample or palette index: 1, 2, 4, 8 or 16
  std::uint32_t colour_type = 0;        ///< 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha
  std::vector<std::uint8_t> essential;  ///< the file with nothing but IHDR, PLTE, IDAT and IEND
};

/// Checks every essential chunk and its checksum up to IEND. Throws BadImage for a file that is cut short or damaged.
/// Profiles, text and transparency are left out of `essential`: they do not change the RGB pixels, and libpng writes
/// complaints about them ("iCCP: known incorrect sRGB profile") to stderr.
PngStructure inspect_png(Bytes file);

/// `essential` of a PNG with a palette, rewritten as gray of the same bit depth, so that decoders give the indices in
/// place of the colours.
std::vector<std::uint8_t> palette_as_gray(const PngStructure& png);

}  // namespace ttscale::image
