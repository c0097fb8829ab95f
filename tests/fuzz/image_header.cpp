// SPDX-License-Identifier: MIT
// What is checked of an image before a decoder sees it. Of PNG also with repaired checksums, which would keep mutations
// from everything behind them.
#include <cstring>

#include "base/crc32.h"
#include "image/format.h"
#include "image/png_structure.h"
#include "refusal.h"
#include "targets.h"

namespace ttscale::fuzz {
namespace {

bool inspect(std::string_view bytes) {
  const image::Bytes file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  try {
    const image::Format format = image::identify(file);
    const image::Size size = image::inspect(file, format);
    require(size.height > 0 && size.width > 0, "an image without pixels");
    if (format == image::Format::kPng) {
      const image::PngStructure png = image::inspect_png(file);
      require(png.essential.size() <= bytes.size(), "a PNG that grew");
      const auto gray = image::palette_as_gray(png);
      require(image::inspect_png({gray.data(), gray.size()}).size == size, "a palette image that changed its size");
    }
    return true;
  } catch (const image::BadImage& problem) {
    check_message(problem.what());
    return false;
  }
}

/// The bytes taken as a PNG, with the checksum of every chunk made right.
std::string with_checksums(std::string_view bytes) {
  std::string png(bytes);
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(png[at]); };
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = std::size_t{byte(at)} << 24U | std::size_t{byte(at + 1)} << 16U |
                               std::size_t{byte(at + 2)} << 8U | byte(at + 3);
    if (length > png.size() - at - 12) {
      break;
    }
    const std::uint32_t crc = crc32(png.data() + at + 4, length + 4);
    for (std::size_t i = 0; i < 4; ++i) {
      png[at + 8 + length + i] = static_cast<char>(crc >> (24U - 8U * i) & 0xFFU);
    }
    at += 12 + length;
  }
  return png;
}

}  // namespace

bool image_header(std::string_view bytes) {
  const bool accepted = inspect(bytes);
  return inspect(with_checksums(bytes)) || accepted;
}

}  // namespace ttscale::fuzz
