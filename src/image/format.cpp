// SPDX-License-Identifier: MIT
// Format detection, and the headers of the simple formats.
#include "image/format.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "image/jpeg_structure.h"
#include "image/png_structure.h"

namespace ttscale::image {
namespace {

// Reads the numbers of a netpbm header: separated by white space, comments run from # to the end of the line.
class NetpbmHeader {
 public:
  explicit NetpbmHeader(Bytes file) : file_(file) {}

  std::int64_t number() {
    skip_blanks();
    if (std::isdigit(file_[at_]) == 0) {
      throw BadImage("a netpbm header without its numbers");
    }
    std::int64_t value = 0;
    for (; std::isdigit(file_[at_]) != 0 && value < (1 << 30); ++at_) {
      value = value * 10 + (file_[at_] - '0');
    }
    return value;
  }

  [[nodiscard]] std::size_t pixels_begin() const { return at_ + 1; }

 private:
  void skip_blanks() {
    while (std::isspace(file_[at_]) != 0 || file_[at_] == '#') {
      if (file_[at_] == '#') {
        while (file_[at_] != '\n') {
          ++at_;
        }
      }
      ++at_;
    }
  }

  Bytes file_;
  std::size_t at_ = 2;
};

void require_bytes(Bytes file, std::int64_t begin, std::int64_t rows, std::int64_t row_bytes) {
  if (row_bytes > 0 && rows > (static_cast<std::int64_t>(file.size()) - begin) / row_bytes) {
    throw BadImage("a truncated file (" + std::to_string(file.size()) + " bytes)");
  }
}

Size inspect_netpbm(Bytes file) {
  const char kind = static_cast<char>(file[1]);
  if (kind < '4') {
    throw BadImage("netpbm in text form (P" + std::string(1, kind) + ")");
  }
  NetpbmHeader header(file);
  const std::int64_t width = header.number();
  const std::int64_t height = header.number();
  const std::int64_t maximum = kind == '4' ? 255 : header.number();
  if (maximum != 255) {
    throw BadImage("netpbm with a maximum of " + std::to_string(maximum) + " in place of 255");
  }
  const std::int64_t row_bytes = kind == '4' ? (width + 7) / 8 : kind == '5' ? width : width * 3;
  require_bytes(file, static_cast<std::int64_t>(header.pixels_begin()), height, row_bytes);
  return {height, width};
}

Size inspect_bmp(Bytes file) {
  constexpr std::uint32_t kUncompressed = 0;
  if (file.little_endian(14, 4) < 40) {
    throw BadImage("a BMP of OS/2 1.x");
  }
  const std::int64_t width = static_cast<std::int32_t>(file.little_endian(18, 4));
  const std::int64_t signed_height = static_cast<std::int32_t>(file.little_endian(22, 4));
  const std::int64_t height = std::max(signed_height, -signed_height);  // negative: rows from the top
  const std::uint32_t bits = file.little_endian(28, 2);
  if (file.little_endian(30, 4) != kUncompressed || bits == 16) {
    throw BadImage("a BMP of a rare kind (compressed, with bit fields or 16 bits a pixel)");
  }
  require_bytes(file, file.little_endian(10, 4), height, (width * bits + 31) / 32 * 4);
  return {height, width};
}

Size inspect_webp_lossy(Bytes file) {
  return {file.little_endian(28, 2) & 0x3FFFU, file.little_endian(26, 2) & 0x3FFFU};
}

Size inspect_webp_lossless(Bytes file) {
  const std::uint32_t bits = file.little_endian(21, 4);
  return {((bits >> 14U) & 0x3FFFU) + 1, (bits & 0x3FFFU) + 1};
}

Size inspect_webp_extended(Bytes file) {
  constexpr std::uint32_t kAnimation = 2;
  if ((file[20] & kAnimation) != 0) {
    throw BadImage("an animated WebP");
  }
  return {std::int64_t{file.little_endian(27, 3)} + 1, std::int64_t{file.little_endian(24, 3)} + 1};
}

Size inspect_webp(Bytes file) {
  if (file.size() < std::size_t{file.little_endian(4, 4)} + 8) {
    throw BadImage("a truncated file (" + std::to_string(file.size()) + " bytes)");
  }
  if (file.starts_with("VP8 ", 12)) {
    return inspect_webp_lossy(file);
  }
  if (file.starts_with("VP8L", 12)) {
    return inspect_webp_lossless(file);
  }
  if (file.starts_with("VP8X", 12)) {
    return inspect_webp_extended(file);
  }
  throw BadImage("a WebP container without an image");
}

// Formats that people do put into image folders, so that the message can name them.
const char* name_of_refused(Bytes file) {
  if (file.starts_with("GIF8")) {
    return "a GIF file";
  }
  if (file.starts_with(std::string("II*\0", 4)) || file.starts_with(std::string("MM\0*", 4))) {
    return "a TIFF file";
  }
  if (file.starts_with("ftyp", 4)) {
    return "an AVIF or HEIC file";
  }
  if (file.starts_with("<")) {
    return "a text file (HTML, XML or SVG)";
  }
  return "something else";
}

Size claimed_size(Bytes file, Format format) {
  switch (format) {
    case Format::kJpeg:
      return inspect_jpeg(file);
    case Format::kPng:
      return inspect_png(file).size;
    case Format::kNetpbm:
      return inspect_netpbm(file);
    case Format::kBmp:
      return inspect_bmp(file);
    case Format::kWebp:
      break;
  }
  return inspect_webp(file);
}

}  // namespace

std::uint8_t Bytes::operator[](std::size_t at) const {
  if (at >= size_) {
    throw BadImage("a truncated file (" + std::to_string(size_) + " bytes)");
  }
  return data_[at];
}

bool Bytes::starts_with(const std::string& text, std::size_t at) const {
  return size_ >= at + text.size() && std::memcmp(data_ + at, text.data(), text.size()) == 0;
}

std::uint32_t Bytes::big_endian(std::size_t at, std::size_t count) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = value << 8U | (*this)[at + i];
  }
  return value;
}

std::uint32_t Bytes::little_endian(std::size_t at, std::size_t count) const {
  std::uint32_t value = 0;
  for (std::size_t i = count; i > 0; --i) {
    value = value << 8U | (*this)[at + i - 1];
  }
  return value;
}

Format identify(Bytes file) {
  if (file.starts_with("\xFF\xD8\xFF")) {
    return Format::kJpeg;
  }
  if (file.starts_with("\x89PNG\r\n\x1A\n")) {
    return Format::kPng;
  }
  if (file.starts_with("RIFF") && file.starts_with("WEBP", 8)) {
    return Format::kWebp;
  }
  if (file.starts_with("BM")) {
    return Format::kBmp;
  }
  if (file.starts_with("P") && file.size() > 2 && file[1] >= '1' && file[1] <= '6' && std::isspace(file[2]) != 0) {
    return Format::kNetpbm;
  }
  throw BadImage(name_of_refused(file));
}

Size inspect(Bytes file, Format format) {
  const Size size = claimed_size(file, format);
  if (size.height < 1 || size.width < 1) {
    throw BadImage("an image without pixels (" + std::to_string(size.height) + "x" + std::to_string(size.width) + ")");
  }
  return size;
}

}  // namespace ttscale::image
