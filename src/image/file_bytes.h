// SPDX-License-Identifier: MIT
// Reads the file of an image, and refuses sizes that nobody means.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "image/decode.h"
#include "image/resize.h"

namespace ttscale::image {

/// The end of messages about a file that is no image: what to do.
constexpr const char* kImageRemedy = "; replace or remove the file, or leave such files out with --on-error skip";

/// All bytes of a file. Throws DataError if it is missing, no file, empty, unreadable or larger than 1 GiB.
std::vector<std::uint8_t> read_bytes(const std::filesystem::path& file);

/// Throws DataError if an image of that size has too many pixels.
void check_limits(Size size, const DecodeLimits& limits, const std::filesystem::path& file);

}  // namespace ttscale::image
