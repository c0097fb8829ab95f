// SPDX-License-Identifier: MIT
// uint8 tensor -> image file.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ttscale::image {

/// How an image is written.
struct Encoding {
  enum class Format { kPng, kJpeg };
  Format format = Format::kPng;
  std::int64_t quality = 85;  ///< of JPEG, 1 to 100

  /// The format of that name ("png", "jpeg"); throws UsageError for any other text.
  static Format parse_format(const std::string& text);
  /// ".png" or ".jpg".
  [[nodiscard]] std::string extension() const;
  /// Throws UsageError for a quality outside 1 to 100.
  void validate() const;
};

/// The bytes of a file that decode() reads: PNG without loss, or JPEG with libjpeg's tables and 4:2:0 subsampling, as
/// Pillow writes it. `hwc` is uint8 [H, W, 3], RGB. Throws UsageError for another tensor, Error if it cannot be coded
/// (a JPEG has at most 65500 pixels a side).
std::string encode(const at::Tensor& hwc, const Encoding& encoding);

}  // namespace ttscale::image
