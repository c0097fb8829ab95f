// SPDX-License-Identifier: MIT
// Camera frames -> model input, for programs that hold cv::Mat or raw pixels; needs no OpenCV itself.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "ttscale/error.h"
#include "ttscale/export.h"

namespace ttscale {

/// Order of the colour channels in memory; alpha, if any, is the fourth.
enum class ChannelOrder { kBGR, kRGB };

/// 8-bit pixels that someone else owns, rows of interleaved channels.
struct FrameView {
  const std::uint8_t* data = nullptr;
  std::int64_t height = 0;      ///< pixels
  std::int64_t width = 0;       ///< pixels
  std::int64_t row_stride = 0;  ///< bytes from one row to the next; at least width * channels
  int channels = 3;             ///< 1 (gray), 3 or 4
  ChannelOrder order = ChannelOrder::kBGR;
};

/// Copies a frame to float32 [1, 3, H, W], RGB, in 0..1; gray is repeated, alpha dropped. The frame may be reused at
/// once. Throws DataError for an empty frame, UsageError for another number of channels or a row stride that is too
/// small.
TTSCALE_API at::Tensor to_tensor(const FrameView& frame);

namespace detail {

/// The name OpenCV gives to a type() value, such as "CV_32FC3".
inline std::string cv_type_name(int type) {
  constexpr const char* kDepths[] = {"8U", "8S", "16U", "16S", "32S", "32F", "64F", "16F"};
  return std::string("CV_") + kDepths[type & 7] + "C" + std::to_string((type >> 3) + 1);
}

}  // namespace detail

/// The same for a cv::Mat (or anything shaped like it): 8-bit gray, BGR or BGRA, as OpenCV reads and captures.
/// Throws DataError for an empty frame, UsageError naming any other type.
template <typename Mat,
          typename = decltype(static_cast<std::size_t>(Mat().step) + Mat().rows + Mat().cols + Mat().type())>
at::Tensor to_tensor(const Mat& frame) {
  if (frame.data == nullptr || frame.rows <= 0 || frame.cols <= 0) {
    throw DataError("to_tensor: expected a frame with pixels, found an empty one; did the camera or the file end?");
  }
  const int type = frame.type();
  const int channels = (type >> 3) + 1;
  if ((type & 7) != 0 || (channels != 1 && channels != 3 && channels != 4)) {
    throw UsageError("to_tensor: expected a frame of type CV_8UC1, CV_8UC3 or CV_8UC4, found " +
                     detail::cv_type_name(type) + "; convert it with convertTo and cvtColor first");
  }
  return to_tensor(FrameView{frame.data, frame.rows, frame.cols,
                             static_cast<std::int64_t>(static_cast<std::size_t>(frame.step)), channels,
                             ChannelOrder::kBGR});
}

}  // namespace ttscale
