// SPDX-License-Identifier: MIT
// The marker walk: segments are skipped by their length, entropy-coded data is searched for the marker that ends it.
#include "image/jpeg_structure.h"

#include <cstring>

namespace ttscale::image {
namespace {

constexpr std::uint8_t kStuffed = 0x00;
constexpr std::uint8_t kStandalone = 0x01;
constexpr std::uint8_t kFirstRestart = 0xD0;
constexpr std::uint8_t kLastRestart = 0xD7;
constexpr std::uint8_t kEndOfImage = 0xD9;
constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::uint8_t kFill = 0xFF;

bool is_restart(std::uint8_t marker) { return marker >= kFirstRestart && marker <= kLastRestart; }

// Start-of-frame markers are C0 .. CF without the tables DHT (C4), JPG (C8) and DAC (CC).
bool is_frame(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

[[noreturn]] void throw_truncated(Bytes file) {
  throw BadImage("a truncated JPEG (" + std::to_string(file.size()) + " bytes, no end-of-image marker)");
}

// Position of the 0xFF of the marker that ends the entropy-coded data beginning at `at`.
std::size_t end_of_scan(Bytes file, std::size_t at) {
  while (at + 1 < file.size()) {
    const void* found = std::memchr(file.data() + at, kFill, file.size() - at - 1);
    if (found == nullptr) {
      break;
    }
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - file.data());
    const std::uint8_t next = file[at + 1];
    if (next != kStuffed && next != kFill && !is_restart(next)) {
      return at;
    }
    at += next == kFill ? 1 : 2;
  }
  throw_truncated(file);
}

// Reads the marker at `at` and moves behind it.
std::uint8_t read_marker(Bytes file, std::size_t& at) {
  if (at + 1 >= file.size()) {
    throw_truncated(file);
  }
  if (file[at] != kFill) {
    throw BadImage("a damaged JPEG (no marker at byte " + std::to_string(at) + ")");
  }
  while (at < file.size() && file[at] == kFill) {
    ++at;
  }
  if (at >= file.size()) {
    throw_truncated(file);
  }
  return file[at++];
}

// The end of the segment whose length field lies at `at`.
std::size_t end_of_segment(Bytes file, std::size_t at) {
  if (at + 2 > file.size()) {
    throw_truncated(file);
  }
  const std::size_t length = file.big_endian(at, 2);
  if (length < 2) {
    throw BadImage("a damaged JPEG (segment of length " + std::to_string(length) + " at byte " + std::to_string(at) +
                   ")");
  }
  if (at + length > file.size()) {
    throw_truncated(file);
  }
  return at + length;
}

}  // namespace

Size inspect_jpeg(Bytes file) {
  Size size;
  bool has_pixels = false;
  std::size_t at = 2;
  for (std::uint8_t marker = read_marker(file, at); marker != kEndOfImage; marker = read_marker(file, at)) {
    if (marker == kStandalone || is_restart(marker)) {
      continue;
    }
    const std::size_t end = end_of_segment(file, at);
    if (is_frame(marker)) {
      size = {file.big_endian(at + 3, 2), file.big_endian(at + 5, 2)};
    }
    has_pixels = has_pixels || marker == kStartOfScan;
    at = marker == kStartOfScan ? end_of_scan(file, end) : end;
  }
  if (!has_pixels || size.height == 0 || size.width == 0) {
    throw BadImage("a JPEG without an image");
  }
  return size;
}

}  // namespace ttscale::image
