// SPDX-License-Identifier: MIT
// The inner loops of moments, affine and depthwise convolutions: raw pointers, one thread, compiled once for every
// instruction set.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "ops/activation.h"

namespace ttscale::ops {

/// What a pass over activations does behind the affine map: adds the residual, where there is one, then the
/// activation.
struct Tail {
  const void* residual = nullptr;  ///< of the shape and layout of x; at the first element of x that the loop is given
  Activation activation;
};

/// Widest run of channels that pixel_moments and pixel_affine take.
constexpr std::int64_t kMaxWidth = 256;

/// Shorter rows cannot be overwritten: on some CPU they do not fill a register.
constexpr std::int64_t kInPlaceLength = 32;

/// The loops for one element type and one instruction set. All of them give the same bits on every instruction set:
/// the order of sums is fixed, products and sums are rounded separately. (NaN may differ in its sign and payload.)
struct Loops {
  /// Mean and sum of squared deviations from it of `rows` rows of `length` > 0 elements, one row after the other.
  void (*row_moments)(const void* x, std::int64_t rows, std::int64_t length, double* mean, double* m2);
  /// The same of `width` <= kMaxWidth neighbouring channels over `pixels` > 0 pixels that lie `stride` elements apart.
  /// Fewer channels than 32 only where stride == width.
  void (*pixel_moments)(const void* x, std::int64_t pixels, std::int64_t stride, std::int64_t width, double* mean,
                        double* m2);
  /// y = tail((x - center) * scale + shift) of `rows` rows of `length` elements with coefficients of their own. y is x
  /// itself, where rows have kInPlaceLength elements, or does not overlap it.
  void (*row_affine)(const void* x, void* y, std::int64_t rows, std::int64_t length, const double* center,
                     const double* scale, const double* shift, const Tail& tail);
  /// The same of channels as in pixel_moments; pixels of y lie `y_stride` elements apart. Where that is `stride`, y may
  /// be x.
  void (*pixel_affine)(const void* x, void* y, std::int64_t pixels, std::int64_t stride, std::int64_t y_stride,
                       std::int64_t width, const double* center, const double* scale, const double* shift,
                       const Tail& tail);
};

/// Fewer channels are left to others: the loops over pixels would have to fold them.
constexpr std::int64_t kLeastDepthwise = 32;

/// Most rows or columns of a depthwise kernel.
constexpr std::int64_t kMostTaps = 7;

/// One row of the output of a depthwise convolution, float32, in channels_last.
struct DepthwiseRow {
  const float* in[kMostTaps];  ///< the first pixel of each row under it; of zeros where there is none  // NOLINT
  float* out;                  ///< its first pixel
  std::int64_t kernel_rows, kernel_columns;
  std::int64_t step, padding;          ///< of columns
  std::int64_t columns, out_columns;   ///< pixels of a row
  std::int64_t in_stride, out_stride;  ///< elements from pixel to pixel
  const float* weight;                 ///< [kernel_rows, kernel_columns, ...] of the first channel
  std::int64_t weight_stride;          ///< elements from tap to tap
  const float* bias;                   ///< of the first channel, or null
  std::int64_t width;                  ///< channels, at least kLeastDepthwise
};

/// The loops for every element type, and those for float32 alone. depthwise_row(), too, gives the same bits on every
/// instruction set.
struct LoopTable {
  Loops of_float, of_double, of_bfloat16, of_half;
  void (*depthwise_row)(const DepthwiseRow& row);
};

/// The table of an instruction set among available_isas().
const LoopTable& loop_table(Isa isa);

extern const LoopTable kBaselineLoops;
#ifdef TTSCALE_X86_KERNELS
extern const LoopTable kAvx2Loops;
extern const LoopTable kAvx512Loops;
#endif

}  // namespace ttscale::ops
