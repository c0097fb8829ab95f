// SPDX-License-Identifier: MIT
// OpenCV's decoder, with its errors as ours. Included where OpenCV's headers are known (src/image).
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

namespace ttscale::image {

/// cv::imdecode() in the calling thread alone. Throws BadImage where OpenCV throws; an empty matrix where it does not.
cv::Mat opencv_decode(const std::vector<std::uint8_t>& bytes, int flags);

}  // namespace ttscale::image
