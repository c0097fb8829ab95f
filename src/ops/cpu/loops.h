// SPDX-License-Identifier: MIT
// The inner loops of moments and affine: raw pointers, one thread, compiled once for every instruction set.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace ttscale::ops {

/// Widest run of channels that pixel_moments and pixel_affine take.
constexpr std::int64_t kMaxWidth = 256;

/// The loops for one element type and one instruction set. All of them give the same bits on every instruction set:
/// the order of sums is fixed, products and sums are rounded separately. (NaN may differ in its sign and payload.)
struct Loops {
  /// Mean and sum of squared deviations from it of `rows` rows of `length` > 0 elements, one row after the other.
  void (*row_moments)(const void* x, std::int64_t rows, std::int64_t length, double* mean, double* m2);
  /// The same of `width` <= kMaxWidth neighbouring channels over `pixels` > 0 pixels that lie `stride` elements apart.
  /// Fewer channels than 32 only where stride == width.
  void (*pixel_moments)(const void* x, std::int64_t pixels, std::int64_t stride, std::int64_t width, double* mean,
                        double* m2);
  /// y = (x - center) * scale + shift of `rows` rows of `length` elements with coefficients of their own. x and y do
  /// not overlap.
  void (*row_affine)(const void* x, void* y, std::int64_t rows, std::int64_t length, const double* center,
                     const double* scale, const double* shift);
  /// The same of channels as in pixel_moments.
  void (*pixel_affine)(const void* x, void* y, std::int64_t pixels, std::int64_t stride, std::int64_t width,
                       const double* center, const double* scale, const double* shift);
};

/// The loops for every element type.
struct LoopTable {
  Loops of_float, of_double, of_bfloat16, of_half;
};

/// The table of an instruction set among available_isas().
const LoopTable& loop_table(Isa isa);

extern const LoopTable kBaselineLoops;
#ifdef TTSCALE_X86_KERNELS
extern const LoopTable kAvx2Loops;
extern const LoopTable kAvx512Loops;
#endif

}  // namespace ttscale::ops
