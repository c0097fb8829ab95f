// SPDX-License-Identifier: MIT
// The CRC-32 of ISO 3309, which PNG and zip use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ttscale {

std::uint32_t crc32(const void* data, std::size_t size);

}  // namespace ttscale
