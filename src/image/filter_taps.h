// SPDX-License-Identifier: MIT
// Weights of Pillow's resampling filters: which input pixels an output pixel is made of, in fixed point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/filter_loops.h"
#include "image/resize.h"

namespace ttscale::image {

/// Weights of the input pixels behind each output pixel of one axis. Those of an output lie `stride` apart, a multiple
/// of kTapsAtOnce; behind the `count` in use they are 0.
struct Taps {
  static constexpr int kTapsAtOnce = 8;

  int stride = 0;
  std::vector<int> first;               ///< first input pixel
  std::vector<int> count;               ///< input pixels in use, at least 1
  std::vector<int> weights;             ///< in units of 2^-kWeightBits
  std::vector<std::int16_t> high, low;  ///< the same weights in halves: high * 2^16 + low, for multipliers of 16 bits

  [[nodiscard]] TapTable table() const;
  [[nodiscard]] int outputs() const { return static_cast<int>(first.size()); }
  [[nodiscard]] int input_begin() const { return first.front(); }
  [[nodiscard]] int input_end() const { return first.back() + count.back(); }  // the window moves right only
};

/// Taps of the output pixels begin .. begin + count - 1 of an axis that goes from `in` to `out` pixels. `interpolation`
/// is not kNearest, which has no weights.
Taps make_taps(int in, int out, int begin, int count, Interpolation interpolation);

}  // namespace ttscale::image
