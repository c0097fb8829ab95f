// SPDX-License-Identifier: MIT
// The inner loops of resizing: raw pointers, one thread, compiled once for every instruction set that they know.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/isa.h"

namespace ttscale::image {

/// Bits behind the point of a weight: 8 bits of pixel and 2 of head room (bicubic overshoots) leave 22 of an int.
constexpr int kWeightBits = 22;

/// The arrays of Taps as the loops read them: `outputs` of each but `stride` times as many weights.
struct TapTable {
  int outputs;
  int stride;
  const int* first;
  const int* count;
  const int* weights;
  const std::int16_t* high;
  const std::int16_t* low;
};

/// Rows that along_x filters together: a weight is read once for all of them.
constexpr int kRowsAtOnce = 4;
/// How far behind the end of a row along_x may read.
constexpr int kRowSlack = 16;

/// All instruction sets give the same pixels: sums are of integers, modulo 2^32, and the sums of all fit.
struct FilterLoops {
  /// Filters kRowsAtOnce rows of 1, 3 or 4 `channels` along x. Rows may be named twice, if their results are, too.
  void (*along_x)(const std::uint8_t* const* in, const TapTable& taps, int channels, std::uint8_t* const* out);
  /// Output row `output` of filtering along y. `in` is input row first[output]; rows are `width` bytes, without gaps.
  void (*along_y)(const std::uint8_t* in, std::ptrdiff_t width, const TapTable& taps, int output, std::uint8_t* out);
};

/// The loops for an instruction set among available_isas(); those for AVX-512 are those for AVX2.
const FilterLoops& filter_loops(Isa isa);

extern const FilterLoops kBaselineFilterLoops;
#ifdef TTSCALE_X86_KERNELS
extern const FilterLoops kAvx2FilterLoops;
#endif

}  // namespace ttscale::image
