// SPDX-License-Identifier: MIT
// Image file -> uint8 tensor, with the pixels that Pillow's Image.open(path).convert("RGB") gives.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace ttscale::image {

/// What decode() refuses before it allocates anything.
struct DecodeLimits {
  std::int64_t max_pixels = 178'956'970;  ///< height x width; the default is where Pillow raises DecompressionBombError
};

/// Decodes JPEG, PNG, PBM/PGM/PPM, BMP or WebP (told apart by their first bytes, not by the name) to uint8 [H, W, 3],
/// RGB, contiguous. EXIF orientation is ignored and alpha dropped, as Pillow does; 16-bit gray PNG saturates at 255.
/// Deviations from Pillow: CMYK JPEG (by at most one level); GIF, TIFF, animated WebP, text PNM, 16-bit and compressed
/// BMP, and a PNG that lacks only its end are refused. A complete JPEG with damaged coefficients is decoded as Pillow
/// does; what libjpeg says of it goes to the log, once a file (100 files at most; of CMYK, and in a build without
/// libjpeg-turbo, it goes to stderr without a name). OpenCV's own threads are switched off for the whole process.
/// Throws DataError for a file that is missing, empty, truncated, damaged, of another format or above the limits.
at::Tensor decode(const std::filesystem::path& file, const DecodeLimits& limits = {});

}  // namespace ttscale::image
