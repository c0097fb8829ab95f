// SPDX-License-Identifier: MIT
// Looks into the bytes of an image file before any decoder does: format, size, completeness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "image/resize.h"

namespace ttscale::image {

/// Bytes of a file, owned by someone else. Reading past the end throws BadImage.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint8_t operator[](std::size_t at) const;
  [[nodiscard]] bool starts_with(const std::string& text, std::size_t at = 0) const;
  /// `count` bytes (1 to 4) from `at`, most significant first.
  [[nodiscard]] std::uint32_t big_endian(std::size_t at, std::size_t count) const;
  /// `count` bytes (1 to 4) from `at`, least significant first.
  [[nodiscard]] std::uint32_t little_endian(std::size_t at, std::size_t count) const;

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// Why a file is no image that we can decode: a phrase that follows "found" in the message of decode().
class BadImage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The formats that decode() accepts.
enum class Format { kJpeg, kPng, kNetpbm, kBmp, kWebp };

/// Tells the format by its first bytes; throws BadImage naming what they look like if it is none of ours.
Format identify(Bytes file);

/// The size that a complete file of that format claims. Throws BadImage if it is cut short, animated, or of a kind
/// whose pixels would differ from Pillow's.
Size inspect(Bytes file, Format format);

}  // namespace ttscale::image
