// SPDX-License-Identifier: MIT
// The golden files of scripts/make_image_goldens.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <string>

#include "paths.h"

namespace ttscale::testing {

inline std::filesystem::path golden_dir() { return source_dir() / "tests" / "image" / "golden"; }

inline std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) {
      table[i] = (table[i] & 1U) != 0 ? 0xEDB88320U ^ (table[i] >> 1U) : table[i] >> 1U;
    }
  }
  return table;
}

/// CRC-32 and number of the bytes of a tensor, as the script writes them.
inline std::string checksum(const at::Tensor& tensor) {
  static const std::array<std::uint32_t, 256> kTable = crc_table();
  const at::Tensor contiguous = tensor.contiguous();
  const auto* bytes = static_cast<const std::uint8_t*>(contiguous.data_ptr());
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < contiguous.nbytes(); ++i) {
    crc = kTable[(crc ^ bytes[i]) & 0xFFU] ^ (crc >> 8U);
  }
  std::ostringstream text;
  text << std::hex << std::setw(8) << std::setfill('0') << ~crc << std::dec << '-' << contiguous.nbytes();
  return text.str();
}

}  // namespace ttscale::testing
