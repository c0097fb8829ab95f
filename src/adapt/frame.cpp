// SPDX-License-Identifier: MIT
// Frames of 8-bit pixels -> float tensor.
#include "ttscale/frame.h"

#include <ATen/ops/empty.h>

#include <array>

namespace ttscale {
namespace {

void check(const FrameView& frame) {
  if (frame.data == nullptr || frame.height <= 0 || frame.width <= 0) {
    throw DataError("to_tensor: expected a frame with pixels, found an empty one; did the camera or the file end?");
  }
  if (frame.channels != 1 && frame.channels != 3 && frame.channels != 4) {
    throw UsageError("to_tensor: expected 1, 3 or 4 channels, found " + std::to_string(frame.channels));
  }
  if (frame.row_stride < frame.width * frame.channels) {
    throw UsageError("to_tensor: expected a row stride of at least width * channels = " +
                     std::to_string(frame.width * frame.channels) + " bytes, found " +
                     std::to_string(frame.row_stride));
  }
}

// value / 255, rounded once, as torchvision's ToTensor gives it.
std::array<float, 256> make_table() {
  std::array<float, 256> table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<float>(value) / 255.0F;
  }
  return table;
}

// Position in memory of red (0), green (1) or blue (2).
std::int64_t position(const FrameView& frame, std::int64_t colour) {
  if (frame.channels == 1) {
    return 0;
  }
  return frame.order == ChannelOrder::kRGB ? colour : 2 - colour;
}

}  // namespace

at::Tensor to_tensor(const FrameView& frame) {
  check(frame);
  const std::array<float, 256> table = make_table();
  at::Tensor result = at::empty({1, 3, frame.height, frame.width}, at::TensorOptions().dtype(at::kFloat));
  auto* out = result.data_ptr<float>();
  for (std::int64_t colour = 0; colour < 3; ++colour) {
    for (std::int64_t y = 0; y < frame.height; ++y) {
      const std::uint8_t* in = frame.data + y * frame.row_stride + position(frame, colour);
      for (std::int64_t x = 0; x < frame.width; ++x) {
        *out++ = table[in[x * frame.channels]];
      }
    }
  }
  return result;
}

}  // namespace ttscale
