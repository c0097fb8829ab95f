// SPDX-License-Identifier: MIT
// Walks the markers of a JPEG file, because OpenCV returns a half-gray image for one that is cut short.
#pragma once

#include "image/format.h"

namespace ttscale::image {

/// The size of a JPEG whose markers are sound from the start to the end-of-image marker. Throws BadImage otherwise.
Size inspect_jpeg(Bytes file);

}  // namespace ttscale::image
