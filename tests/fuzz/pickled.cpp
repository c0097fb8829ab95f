// SPDX-License-Identifier: MIT
// Writes and opens the archives of the targets that read pickles.
#include "pickled.h"

#include <cstdint>

#include "base/crc32.h"
#include "base/zip_records.h"

namespace ttscale::fuzz {
namespace {

std::string little_endian(std::uint64_t value, int count) {
  std::string out;
  for (; count > 0; --count) {
    out += static_cast<char>(value & 0xFFU);
    value >>= 8U;
  }
  return out;
}

/// Version, flags, method, time, date, checksum, two sizes, lengths of name and extra field (PKWARE APPNOTE 4.4).
std::string common_fields(const std::string& name, std::string_view content) {
  return little_endian(0, 10) + little_endian(crc32(content.data(), content.size()), 4) +
         little_endian(content.size(), 4) + little_endian(content.size(), 4) + little_endian(name.size(), 2) +
         little_endian(0, 2);
}

}  // namespace

std::string archive_of(std::string_view pickle, const std::vector<std::size_t>& sizes) {
  std::string file;
  std::string directory;
  const auto add = [&](const std::string& name, std::string_view content) {
    const std::string fields = common_fields(name, content);
    directory += "PK\1\2" + little_endian(0, 2) + fields + little_endian(0, 10) + little_endian(file.size(), 4) + name;
    file += "PK\3\4" + fields + name;
    file += content;
  };
  add("archive/data.pkl", pickle);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    add("archive/data/" + std::to_string(i), std::string(sizes[i], '\0'));
  }
  const std::string end = "PK\5\6" + little_endian(0, 4) + little_endian(sizes.size() + 1, 2) +
                          little_endian(sizes.size() + 1, 2) + little_endian(directory.size(), 4) +
                          little_endian(file.size(), 4) + little_endian(0, 2);
  return file + directory + end;
}

std::string pickle_in(const std::string& archive) { return std::string(zip_records(archive).at("data.pkl")); }

}  // namespace ttscale::fuzz
