// SPDX-License-Identifier: MIT
// Conversions. Loops over all values rely on matrices without gaps between rows, as those made here are.
#include "shift/pixels.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace ttscale::shift {

cv::Mat as_matrix(const at::Tensor& hwc) {
  return {static_cast<int>(hwc.size(0)), static_cast<int>(hwc.size(1)), CV_8UC3, hwc.data_ptr()};
}

at::Tensor to_tensor(const cv::Mat& rgb) {
  at::Tensor hwc = at::empty({rgb.rows, rgb.cols, 3}, at::TensorOptions().dtype(at::kByte));
  cv::Mat target = as_matrix(hwc);
  rgb.copyTo(target);
  return hwc;
}

cv::Mat to_float(const cv::Mat& bytes) {
  cv::Mat values;
  bytes.convertTo(values, CV_32F);
  return values;
}

cv::Mat to_bytes(const cv::Mat& values) {
  cv::Mat bytes(values.rows, values.cols, CV_8UC(values.channels()));
  const std::size_t in_row = static_cast<std::size_t>(values.cols) * static_cast<std::size_t>(values.channels());
  for (int y = 0; y < values.rows; ++y) {
    const auto* in = values.ptr<float>(y);
    auto* out = bytes.ptr<std::uint8_t>(y);
    for (std::size_t i = 0; i < in_row; ++i) {
      out[i] = static_cast<std::uint8_t>(static_cast<int>(std::min(std::max(in[i], 0.0F), 255.0F)));
    }
  }
  return bytes;
}

cv::Mat look_up(const cv::Mat& rgb, const std::array<Table, 3>& tables) {
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  const auto* in = bytes_of(rgb);
  auto* out = result.ptr<std::uint8_t>();
  for (std::size_t i = 0; i < rgb.total(); ++i, in += 3, out += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      out[c] = tables[c][in[c]];
    }
  }
  return result;
}

}  // namespace ttscale::shift
