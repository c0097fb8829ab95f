// SPDX-License-Identifier: MIT
// Pillow's resampling: one weight table an axis, 22-bit fixed point, horizontal then vertical, rounded to 8 bits in
// between.
#include "image/resize.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/message_text.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

constexpr int kPrecisionBits = 22;  // 8 bits of pixel and 2 of head room (bicubic overshoots) leave 22 of an int
constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;

struct Filter {
  double support;
  double (*weight)(double);
};

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -0.5. OpenCV and PyTorch use -0.75.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) {
    return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  }
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * kA : 0.0;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBox:
      return {0.5, box};
    case Interpolation::kBilinear:
      return {1.0, triangle};
    default:
      return {2.0, cubic};
  }
}

// Weights of the input pixels behind each output pixel of one axis.
struct Taps {
  int stride = 0;            // weights reserved for an output pixel
  std::vector<int> first;    // first input pixel
  std::vector<int> count;    // input pixels in use
  std::vector<int> weights;  // fixed point

  [[nodiscard]] int outputs() const { return static_cast<int>(first.size()); }
  [[nodiscard]] const int* of(int output) const { return weights.data() + std::ptrdiff_t{output} * stride; }
  [[nodiscard]] int input_begin() const { return first.front(); }
  [[nodiscard]] int input_end() const { return first.back() + count.back(); }  // the window moves right only
};

int fixed_point(double weight) { return static_cast<int>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kPrecisionBits)); }

// Near a border the window is cut and its weights are scaled up to sum to one again.
void add_output(Taps& taps, double centre, double filter_scale, const Filter& filter, int in) {
  const double support = filter.support * filter_scale;
  const int first = std::max(0, static_cast<int>(centre - support + 0.5));
  const int count = std::min(in, static_cast<int>(centre + support + 0.5)) - first;
  const double inverse_scale = 1.0 / filter_scale;
  std::vector<double> weights(static_cast<std::size_t>(taps.stride), 0.0);
  double sum = 0.0;
  for (int i = 0; i < count; ++i) {
    const double weight = filter.weight((i + first - centre + 0.5) * inverse_scale);
    weights[static_cast<std::size_t>(i)] = weight;
    sum += weight;
  }
  for (const double weight : weights) {
    taps.weights.push_back(fixed_point(sum != 0.0 ? weight / sum : weight));
  }
  taps.first.push_back(first);
  taps.count.push_back(count);
}

// Taps of the output pixels begin .. begin + count - 1 of an axis that goes from `in` to `out` pixels.
Taps make_taps(int in, int out, int begin, int count, const Filter& filter) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  Taps taps;
  taps.stride = static_cast<int>(std::ceil(filter.support * filter_scale)) * 2 + 1;
  taps.weights.reserve(static_cast<std::size_t>(count) * static_cast<std::size_t>(taps.stride));
  for (int output = begin; output < begin + count; ++output) {
    add_output(taps, (output + 0.5) * scale, filter_scale, filter, in);
  }
  return taps;
}

std::uint8_t to_pixel(int sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

constexpr int kHalf = 1 << (kPrecisionBits - 1);

template <int kChannels>
void filter_row(const std::uint8_t* in, const Taps& taps, std::uint8_t* out) {
  for (int output = 0; output < taps.outputs(); ++output) {
    const int* weights = taps.of(output);
    const int count = taps.count[static_cast<std::size_t>(output)];
    const std::uint8_t* pixel = in + std::ptrdiff_t{taps.first[static_cast<std::size_t>(output)]} * kChannels;
    std::array<int, kChannels> sums;
    sums.fill(kHalf);
    for (int i = 0; i < count; ++i, pixel += kChannels) {
      for (std::size_t c = 0; c < kChannels; ++c) {
        sums[c] += pixel[c] * weights[i];
      }
    }
    for (std::size_t c = 0; c < kChannels; ++c) {
      *out++ = to_pixel(sums[c]);
    }
  }
}

// Strips of a row keep the sums in registers and give the compiler a loop of fixed length to vectorise.
constexpr std::int64_t kStrip = 64;

void filter_strip(const std::uint8_t* in, std::int64_t row_bytes, const int* weights, int count, std::int64_t width,
                  std::uint8_t* out) {
  std::array<int, kStrip> sums;
  sums.fill(kHalf);
  for (int i = 0; i < count; ++i, in += row_bytes) {
    if (width == kStrip) {
      for (std::size_t x = 0; x < kStrip; ++x) {
        sums[x] += in[x] * weights[i];
      }
    } else {
      for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x) {
        sums[x] += in[x] * weights[i];
      }
    }
  }
  for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x) {
    out[x] = to_pixel(sums[x]);
  }
}

at::Tensor empty_image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return at::empty({height, width, channels}, at::TensorOptions().dtype(at::kByte));
}

// Rows begin .. end - 1 of `hwc`, filtered along x.
at::Tensor filter_horizontally(const at::Tensor& hwc, int begin, int end, const Taps& taps) {
  const std::int64_t channels = hwc.size(2);
  at::Tensor result = empty_image(end - begin, taps.outputs(), channels);
  const auto filter = channels == 1 ? filter_row<1> : channels == 3 ? filter_row<3> : filter_row<4>;
  for (std::int64_t row = begin; row < end; ++row) {
    filter(hwc.data_ptr<std::uint8_t>() + row * hwc.stride(0), taps,
           result.data_ptr<std::uint8_t>() + (row - begin) * result.stride(0));
  }
  return result;
}

// Filters along y; row 0 of `hwc` is input row `offset` of the taps.
at::Tensor filter_vertically(const at::Tensor& hwc, int offset, const Taps& taps) {
  const std::int64_t row_bytes = hwc.size(1) * hwc.size(2);
  at::Tensor result = empty_image(taps.outputs(), hwc.size(1), hwc.size(2));
  for (int row = 0; row < taps.outputs(); ++row) {
    const auto index = static_cast<std::size_t>(row);
    const std::uint8_t* in = hwc.data_ptr<std::uint8_t>() + (taps.first[index] - offset) * row_bytes;
    std::uint8_t* out = result.data_ptr<std::uint8_t>() + row * row_bytes;
    for (std::int64_t x = 0; x < row_bytes; x += kStrip) {
      filter_strip(in + x, row_bytes, taps.of(row), taps.count[index], std::min(kStrip, row_bytes - x), out + x);
    }
  }
  return result;
}

at::Tensor crop(const at::Tensor& hwc, const Window& window) {
  return hwc.narrow(0, window.top, window.size.height).narrow(1, window.left, window.size.width).contiguous();
}

// A pass whose axis keeps its size is left out, as in Pillow: it would round nothing but cost time.
at::Tensor filter_window(const at::Tensor& hwc, Size size, Window window, const Filter& filter) {
  const auto height = static_cast<int>(hwc.size(0));
  const auto width = static_cast<int>(hwc.size(1));
  at::Tensor image = hwc;
  Taps rows;
  int begin = 0;
  if (height != size.height) {
    rows = make_taps(height, static_cast<int>(size.height), static_cast<int>(window.top),
                     static_cast<int>(window.size.height), filter);
    begin = rows.input_begin();
  } else {
    image = image.narrow(0, window.top, window.size.height);
  }
  const int end = rows.outputs() > 0 ? rows.input_end() : begin + static_cast<int>(image.size(0));
  if (width != size.width) {
    image = filter_horizontally(image, begin, end,
                                make_taps(width, static_cast<int>(size.width), static_cast<int>(window.left),
                                          static_cast<int>(window.size.width), filter));
  } else {
    image = crop(image, {begin, window.left, {end - begin, window.size.width}});
  }
  return rows.outputs() > 0 ? filter_vertically(image, begin, rows) : image;
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
  check_image(hwc, "resize");
  check_window(size, window);
  if (hwc.size(0) == size.height && hwc.size(1) == size.width) {
    return window.size == size ? hwc : crop(hwc, window);
  }
  const at::Tensor image = hwc.contiguous();
  if (interpolation == Interpolation::kNearest) {
    return nearest_window(image, size, window);
  }
  return filter_window(image, size, window, filter_of(interpolation));
}

}  // namespace ttscale::image
