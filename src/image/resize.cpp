// SPDX-License-Identifier: MIT
// Pillow's resampling: one weight table an axis, 22-bit fixed point, horizontal then vertical, rounded to 8 bits in
// between.
#include "image/resize.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/message_text.h"
#include "image/filter_loops.h"
#include "image/filter_taps.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;

at::Tensor empty_image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return at::empty({height, width, channels}, at::TensorOptions().dtype(at::kByte));
}

// Rows as the loops may read them: those at the end of an image are copied to where the loops may read on.
class ReadableRows {
 public:
  // Rows begin .. end - 1 of `hwc`, which lie without gaps.
  ReadableRows(const at::Tensor& hwc, std::int64_t begin, std::int64_t end)
      : row_bytes_(hwc.stride(0)), first_(hwc.data_ptr<std::uint8_t>()) {
    const std::int64_t copied = std::min(end - begin, kRowSlack / row_bytes_ + 1);
    first_copied_ = end - copied;
    copies_.resize(static_cast<std::size_t>(copied * row_bytes_ + kRowSlack));
    std::copy_n(first_ + first_copied_ * row_bytes_, copied * row_bytes_, copies_.data());
  }

  [[nodiscard]] const std::uint8_t* at(std::int64_t row) const {
    return row < first_copied_ ? first_ + row * row_bytes_ : copies_.data() + (row - first_copied_) * row_bytes_;
  }

 private:
  std::int64_t row_bytes_;
  const std::uint8_t* first_;
  std::int64_t first_copied_ = 0;
  std::vector<std::uint8_t> copies_;
};

// Rows begin .. end - 1 of `hwc`, filtered along x.
at::Tensor filter_horizontally(const at::Tensor& hwc, std::int64_t begin, std::int64_t end, const Taps& taps, Isa isa) {
  at::Tensor result = empty_image(end - begin, taps.outputs(), hwc.size(2));
  const ReadableRows rows(hwc, begin, end);
  for (std::int64_t row = begin; row < end; row += kRowsAtOnce) {
    std::array<const std::uint8_t*, kRowsAtOnce> in{};
    std::array<std::uint8_t*, kRowsAtOnce> out{};
    for (std::int64_t i = 0; i < kRowsAtOnce; ++i) {
      const std::int64_t here = std::min(row + i, end - 1);
      in[static_cast<std::size_t>(i)] = rows.at(here);
      out[static_cast<std::size_t>(i)] = result.data_ptr<std::uint8_t>() + (here - begin) * result.stride(0);
    }
    filter_loops(isa).along_x(in.data(), taps.table(), static_cast<int>(hwc.size(2)), out.data());
  }
  return result;
}

// Filters along y; row 0 of `hwc` is input row `offset` of the taps.
at::Tensor filter_vertically(const at::Tensor& hwc, int offset, const Taps& taps, Isa isa) {
  const std::int64_t row_bytes = hwc.size(1) * hwc.size(2);
  at::Tensor result = empty_image(taps.outputs(), hwc.size(1), hwc.size(2));
  for (int row = 0; row < taps.outputs(); ++row) {
    const std::uint8_t* in =
        hwc.data_ptr<std::uint8_t>() + (taps.first[static_cast<std::size_t>(row)] - offset) * row_bytes;
    filter_loops(isa).along_y(in, row_bytes, taps.table(), row, result.data_ptr<std::uint8_t>() + row * row_bytes);
  }
  return result;
}

at::Tensor crop(const at::Tensor& hwc, const Window& window) {
  return hwc.narrow(0, window.top, window.size.height).narrow(1, window.left, window.size.width).contiguous();
}

// A pass whose axis keeps its size is left out, as in Pillow: it would round nothing but cost time.
at::Tensor filter_window(const at::Tensor& hwc, Size size, const Window& window, Interpolation interpolation, Isa isa) {
  const auto height = static_cast<int>(hwc.size(0));
  const auto width = static_cast<int>(hwc.size(1));
  at::Tensor image = hwc;
  Taps rows;
  int begin = 0;
  if (height != size.height) {
    rows = make_taps(height, static_cast<int>(size.height), static_cast<int>(window.top),
                     static_cast<int>(window.size.height), interpolation);
    begin = rows.input_begin();
  } else {
    image = image.narrow(0, window.top, window.size.height);
  }
  const int end = rows.outputs() > 0 ? rows.input_end() : begin + static_cast<int>(image.size(0));
  if (width != size.width) {
    image = filter_horizontally(image, begin, end,
                                make_taps(width, static_cast<int>(size.width), static_cast<int>(window.left),
                                          static_cast<int>(window.size.width), interpolation),
                                isa);
  } else {
    image = crop(image, {begin, window.left, {end - begin, window.size.width}});
  }
  return rows.outputs() > 0 ? filter_vertically(image, begin, rows, isa) : image;
}

at::Tensor nearest_window(const at::Tensor& hwc, Size size, const Window& window) {
  const auto rows = nearest_sources(hwc.size(0), size.height);
  const auto columns = nearest_sources(hwc.size(1), size.width);
  const std::int64_t channels = hwc.size(2);
  at::Tensor result = empty_image(window.size.height, window.size.width, channels);
  auto* out = result.data_ptr<std::uint8_t>();
  for (std::int64_t y = window.top; y < window.top + window.size.height; ++y) {
    const auto* row = hwc.data_ptr<std::uint8_t>() + rows[static_cast<std::size_t>(y)] * hwc.stride(0);
    for (std::int64_t x = window.left; x < window.left + window.size.width; ++x) {
      out = std::copy_n(row + columns[static_cast<std::size_t>(x)] * channels, channels, out);
    }
  }
  return result;
}

void check_window(Size size, const Window& window) {
  const bool sane = size.height > 0 && size.width > 0 && size.height <= kMaxSide && size.width <= kMaxSide;
  const bool inside = window.top >= 0 && window.left >= 0 && window.size.height > 0 && window.size.width > 0 &&
                      window.top + window.size.height <= size.height && window.left + window.size.width <= size.width;
  if (!sane || !inside) {
    throw UsageError("resize: expected a size of 1 to " + std::to_string(kMaxSide) +
                     " pixels a side and a window inside it, found size " + to_text(size) + " and window " +
                     to_text(window.size) + " at " + std::to_string(window.top) + "," + std::to_string(window.left));
  }
}

}  // namespace

// Pillow adds the step up instead of multiplying, which decides some ties.
std::vector<std::int64_t> nearest_sources(std::int64_t in, std::int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<std::int64_t> sources;
  sources.reserve(static_cast<std::size_t>(out));
  double position = step * 0.5;
  for (std::int64_t i = 0; i < out; ++i, position += step) {
    sources.push_back(std::min(static_cast<std::int64_t>(position), in - 1));
  }
  return sources;
}

Interpolation parse_interpolation(const std::string& text) {
  for (const auto value :
       {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
    if (text == to_string(value)) {
      return value;
    }
  }
  throw UsageError("interpolation: expected nearest, bilinear, bicubic or box, found '" + shown(text) + "'");
}

std::string to_string(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kNearest:
      return "nearest";
    case Interpolation::kBilinear:
      return "bilinear";
    case Interpolation::kBox:
      return "box";
    case Interpolation::kBicubic:
      break;
  }
  return "bicubic";
}

at::Tensor resize(const at::Tensor& hwc, Size size, Interpolation interpolation) {
  return resize_window(hwc, size, {0, 0, size}, interpolation);
}

at::Tensor resize_window(const at::Tensor& hwc, Size size, const Window& window, Interpolation interpolation) {
  return resize_window_on(available_isas().back(), hwc, size, window, interpolation);
}

at::Tensor resize_window_on(Isa isa, const at::Tensor& hwc, Size size, const Window& window,
                            Interpolation interpolation) {
  check_image(hwc, "resize");
  check_window(size, window);
  if (hwc.size(0) == size.height && hwc.size(1) == size.width) {
    return window.size == size ? hwc : crop(hwc, window);
  }
  const at::Tensor image = hwc.contiguous();
  if (interpolation == Interpolation::kNearest) {
    return nearest_window(image, size, window);
  }
  return filter_window(image, size, window, interpolation, isa);
}

}  // namespace ttscale::image
