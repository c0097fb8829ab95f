// SPDX-License-Identifier: MIT
// The directory at the end of the archive is walked; the headers in front of the records only tell where these begin.
#include "base/zip_records.h"

#include <cstdint>

#include "base/crc32.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

constexpr std::size_t kEndSize = 22;     // 4.3.16, end of central directory record
constexpr std::size_t kEntrySize = 46;   // 4.3.12, central directory header
constexpr std::size_t kHeaderSize = 30;  // 4.3.7, local file header

std::string_view piece(std::string_view file, std::size_t at, std::size_t size) {
  if (at > file.size() || size > file.size() - at) {
    throw DataError("a record reaches beyond its end");
  }
  return file.substr(at, size);
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i > 0; --i) {
    value = value << 8U | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

void expect(bool condition, const char* problem) {
  if (!condition) {
    throw DataError(problem);
  }
}

/// The content behind a directory entry, checked.
std::string_view record_of(std::string_view file, std::string_view entry) {
  const std::uint32_t size = little_endian(entry, 20, 4);
  expect(little_endian(entry, 10, 2) == 0 && size == little_endian(entry, 24, 4), "it is compressed");
  const std::size_t at = little_endian(entry, 42, 4);
  const std::string_view header = piece(file, at, kHeaderSize);
  expect(header.substr(0, 4) == "PK\3\4", "a record does not begin as one");
  const std::size_t names = little_endian(header, 26, 2) + std::size_t{little_endian(header, 28, 2)};
  const std::string_view content = piece(file, at + kHeaderSize + names, size);
  expect(crc32(content.data(), content.size()) == little_endian(entry, 16, 4), "a record has another checksum");
  return content;
}

}  // namespace

std::map<std::string, std::string_view> zip_records(std::string_view file) {
  expect(file.size() >= kEndSize && file.substr(file.size() - kEndSize, 4) == "PK\5\6", "it does not end as one");
  const std::string_view end = file.substr(file.size() - kEndSize);
  std::size_t at = little_endian(end, 16, 4);
  std::map<std::string, std::string_view> records;
  for (std::uint32_t count = little_endian(end, 10, 2); count > 0; --count) {
    const std::string_view entry = piece(file, at, kEntrySize);
    expect(entry.substr(0, 4) == "PK\1\2", "its directory is damaged");
    const std::string_view name = piece(file, at + kEntrySize, little_endian(entry, 28, 2));
    const std::string below(name.substr(name.find('/') + 1));
    expect(records.emplace(below, record_of(file, entry)).second, "a record stands twice");
    at += kEntrySize + name.size() + little_endian(entry, 30, 2) + little_endian(entry, 32, 2);
  }
  return records;
}

}  // namespace ttscale
