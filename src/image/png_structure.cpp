// SPDX-License-Identifier: MIT
// The chunk walk.
#include "image/png_structure.h"

#include "base/crc32.h"

namespace ttscale::image {
namespace {

constexpr std::size_t kSignature = 8;
constexpr std::uint8_t kGray = 0;
constexpr std::size_t kOverhead = 12;  // length, type and checksum of a chunk

struct Chunk {
  std::size_t begin = 0;   // of its length field
  std::size_t length = 0;  // of its data
  std::string type;

  [[nodiscard]] std::size_t data() const { return begin + 8; }
  [[nodiscard]] std::size_t end() const { return begin + kOverhead + length; }
  [[nodiscard]] bool essential() const { return type == "IHDR" || type == "PLTE" || type == "IDAT" || type == "IEND"; }
};

Chunk read_chunk(Bytes file, std::size_t at) {
  if (at + kOverhead > file.size() || file.big_endian(at, 4) > file.size() - at - kOverhead) {
    throw BadImage("a truncated PNG (" + std::to_string(file.size()) + " bytes, no end chunk)");
  }
  return {at, file.big_endian(at, 4), std::string(file.data() + at + 4, file.data() + at + 8)};
}

void check_crc(Bytes file, const Chunk& chunk) {
  if (crc32(file.data() + chunk.begin + 4, chunk.length + 4) != file.big_endian(chunk.end() - 4, 4)) {
    throw BadImage("a damaged PNG (checksum of chunk " + chunk.type + " at byte " + std::to_string(chunk.begin) + ")");
  }
}

PngStructure read_header(Bytes file, const Chunk& chunk) {
  if (chunk.type != "IHDR" || chunk.length != 13) {
    throw BadImage("a damaged PNG (no header chunk)");
  }
  PngStructure png;
  png.size = {file.big_endian(chunk.data() + 4, 4), file.big_endian(chunk.data(), 4)};
  png.bit_depth = file[chunk.data() + 8];
  png.colour_type = file[chunk.data() + 9];
  png.gray16 = png.bit_depth == 16 && png.colour_type == kGray;
  return png;
}

}  // namespace

PngStructure inspect_png(Bytes file) {
  Chunk chunk = read_chunk(file, kSignature);
  PngStructure png = read_header(file, chunk);
  png.essential.assign(file.data(), file.data() + kSignature);
  bool has_pixels = false;
  while (true) {
    if (chunk.essential()) {
      check_crc(file, chunk);
      png.essential.insert(png.essential.end(), file.data() + chunk.begin, file.data() + chunk.end());
    }
    has_pixels = has_pixels || chunk.type == "IDAT";
    if (chunk.type == "IEND") {
      break;
    }
    chunk = read_chunk(file, chunk.end());
  }
  if (!has_pixels || png.size.height == 0 || png.size.width == 0) {
    throw BadImage("a PNG without an image");
  }
  return png;
}

std::vector<std::uint8_t> palette_as_gray(const PngStructure& png) {
  std::vector<std::uint8_t> gray;
  const Bytes file(png.essential.data(), png.essential.size());
  gray.assign(file.data(), file.data() + kSignature);
  for (std::size_t at = kSignature; at < file.size();) {
    const Chunk chunk = read_chunk(file, at);
    if (chunk.type != "PLTE") {
      gray.insert(gray.end(), file.data() + chunk.begin, file.data() + chunk.end());
    }
    at = chunk.end();
  }
  const Chunk header = read_chunk(file, kSignature);
  gray[header.data() + 9] = kGray;
  const std::uint32_t crc = crc32(gray.data() + header.begin + 4, header.length + 4);
  for (std::size_t i = 0; i < 4; ++i) {
    gray[header.end() - 4 + i] = static_cast<std::uint8_t>(crc >> (24U - 8U * i));
  }
  return gray;
}

}  // namespace ttscale::image
