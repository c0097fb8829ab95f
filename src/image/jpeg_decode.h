// SPDX-License-Identifier: MIT
// JPEG with libjpeg-turbo, straight to RGB.
//
// OpenCV uses the same library, but turns each row from RGB to BGR in a plain loop, and we would turn it back: both
// together took a third of the time of a photograph (tests/bench/README.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "image/format.h"

namespace ttscale::image {

/// Decodes a file that inspect_jpeg() accepted into `rgb`, size.height * size.width * 3 bytes, with the pixels that
/// Pillow gives. Answers libjpeg's first warning, of damage that it has worked around say, empty if there was none.
/// Nothing, and nothing written, if this build has no libjpeg-turbo or the file is neither gray nor has three
/// components: such files are OpenCV's. Throws BadImage where libjpeg refuses the file.
std::optional<std::string> decode_jpeg(Bytes file, Size size, std::uint8_t* rgb);

}  // namespace ttscale::image
