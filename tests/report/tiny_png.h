// SPDX-License-Identifier: MIT
// A PNG writer for made-up thumbnails: stored, not compressed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ttscale::report {

/// Gray pixels, row by row, `width` to a row, as the bytes of a PNG file. At most 65 535 bytes with a byte a row more.
std::string tiny_png(const std::vector<std::uint8_t>& pixels, std::uint32_t width);

}  // namespace ttscale::report
