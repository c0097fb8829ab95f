// SPDX-License-Identifier: MIT
// Chunks and checksums (RFC 2083, RFC 1950, RFC 1951).
#include "tiny_png.h"

namespace ttscale::report {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    bytes += static_cast<char>(value >> shift & 0xFFU);
  }
  return bytes;
}

std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return ~crc;
}

std::uint32_t adler32(const std::string& bytes) {
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const char byte : bytes) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16U | a;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(crc32(type + data));
}

std::string stored(const std::string& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string header{"\x78\x01\x01"};  // zlib, one last block that is stored
  for (const std::uint32_t value : {size, ~size}) {
    header += static_cast<char>(value & 0xFFU);
    header += static_cast<char>(value >> 8U & 0xFFU);
  }
  return header + bytes + big_endian(adler32(bytes));
}

}  // namespace

std::string tiny_png(const std::vector<std::uint8_t>& pixels, std::uint32_t width) {
  std::string rows;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    rows += i % width == 0 ? std::string(1, '\0') : std::string();  // each row begins with "no filter"
    rows += static_cast<char>(pixels[i]);
  }
  const std::string header = big_endian(width) + big_endian(static_cast<std::uint32_t>(pixels.size() / width)) +
                             std::string("\x08\x00\x00\x00\x00", 5);  // 8 bits, gray
  return std::string("\x89PNG\r\n\x1A\n") + chunk("IHDR", header) + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace ttscale::report
