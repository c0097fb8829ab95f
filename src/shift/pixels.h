// SPDX-License-Identifier: MIT
// Images as the kinds see them: OpenCV matrices, bytes or float32 in 0..255, channels in the order R, G, B.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <opencv2/core.hpp>

namespace ttscale::shift {

/// The matrix CV_8UC3 in the memory of a contiguous uint8 tensor [H, W, 3].
cv::Mat as_matrix(const at::Tensor& hwc);

/// A tensor [H, W, 3] with a copy of the pixels of a CV_8UC3 matrix.
at::Tensor to_tensor(const cv::Mat& rgb);

/// Bytes -> float32 of the same values, same channels.
cv::Mat to_float(const cv::Mat& bytes);

/// A value in 0..255 as the byte that numpy.uint8 makes of it after clipping: cut off, not rounded.
template <typename Value>
std::uint8_t to_byte(Value value) {
  const Value positive = value > Value{0} ? value : Value{0};  // two steps, which compilers turn into no branches
  return static_cast<std::uint8_t>(static_cast<int>(positive < Value{255} ? positive : Value{255}));
}

/// float32 -> bytes by to_byte(): the published sets are made with numpy.uint8(clip(x, 0, 1) * 255).
cv::Mat to_bytes(const cv::Mat& values);

/// What each of the 256 byte values becomes.
using Table = std::array<std::uint8_t, 256>;

/// Each channel through its table.
cv::Mat look_up(const cv::Mat& rgb, const std::array<Table, 3>& tables);

/// One byte and float for each channel of each pixel, in order.
inline const std::uint8_t* bytes_of(const cv::Mat& rgb) { return rgb.ptr<std::uint8_t>(); }
inline std::size_t count_of(const cv::Mat& matrix) {
  return matrix.total() * static_cast<std::size_t>(matrix.channels());
}

}  // namespace ttscale::shift
