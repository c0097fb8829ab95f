// SPDX-License-Identifier: MIT
// The one place that calls cv::imdecode().
#include "image/opencv_decode.h"

#include <mutex>
#include <opencv2/imgcodecs.hpp>

#include "image/format.h"

namespace ttscale::image {
namespace {

// OpenCV decodes in the calling thread anyway; its pool would only compete with the loader's threads.
void use_one_opencv_thread() {
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(1); });
}

}  // namespace

cv::Mat opencv_decode(const std::vector<std::uint8_t>& bytes, int flags) {
  use_one_opencv_thread();
  try {
    return cv::imdecode(bytes, flags);
  } catch (const cv::Exception& exception) {
    throw BadImage("data that OpenCV refuses (" + exception.err + ")");
  }
}

}  // namespace ttscale::image
