// SPDX-License-Identifier: MIT
// The loops in plain C++, and the choice between them and those with instructions of their own.
#include "image/filter_loops.h"

#include <algorithm>
#include <array>

namespace ttscale::image {
namespace {

constexpr int kHalf = 1 << (kWeightBits - 1);

std::uint8_t to_pixel(int sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

template <int kChannels>
void filter_row(const std::uint8_t* in, const TapTable& taps, std::uint8_t* out) {
  for (int output = 0; output < taps.outputs; ++output) {
    const int* weights = taps.weights + std::ptrdiff_t{output} * taps.stride;
    const int count = taps.count[output];
    const std::uint8_t* pixel = in + std::ptrdiff_t{taps.first[output]} * kChannels;
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

void along_x(const std::uint8_t* const* in, const TapTable& taps, int channels, std::uint8_t* const* out) {
  const auto filter = channels == 1 ? filter_row<1> : channels == 3 ? filter_row<3> : filter_row<4>;
  for (int row = 0; row < kRowsAtOnce; ++row) {
    filter(in[row], taps, out[row]);
  }
}

// Strips of a row keep the sums in registers and give the compiler a loop of fixed length to vectorise.
constexpr std::ptrdiff_t kStrip = 64;

void filter_strip(const std::uint8_t* in, std::ptrdiff_t row_bytes, const int* weights, int count, std::ptrdiff_t width,
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

void along_y(const std::uint8_t* in, std::ptrdiff_t width, const TapTable& taps, int output, std::uint8_t* out) {
  const int* weights = taps.weights + std::ptrdiff_t{output} * taps.stride;
  for (std::ptrdiff_t x = 0; x < width; x += kStrip) {
    filter_strip(in + x, width, weights, taps.count[output], std::min(kStrip, width - x), out + x);
  }
}

}  // namespace

const FilterLoops kBaselineFilterLoops{along_x, along_y};

const FilterLoops& filter_loops(Isa isa) {
#ifdef TTSCALE_X86_KERNELS
  if (isa != Isa::kBaseline) {
    return kAvx2FilterLoops;
  }
#endif
  static_cast<void>(isa);
  return kBaselineFilterLoops;
}

}  // namespace ttscale::image
