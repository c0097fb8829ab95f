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

/// Channels of a tile, one cache line of float32. What a depthwise convolution reads lies in tiles: of a row of pixels
/// first those of the first tile, kDepthwiseTile numbers a pixel, then those of the next; so do its taps. The last tile
/// ends with the last channel: where tiles do not divide the channels it overlaps the tile before.
constexpr std::int64_t kDepthwiseTile = 16;

/// How a row lies in tiles: `before` and `after` pixels beyond the edges of the image, which are zeros.
struct TiledRow {
  std::int64_t before, columns, after;
  std::int64_t width;  ///< channels, at least kLeastDepthwise

  // Part of every instruction set's code, so never functions by themselves (base/lanes.h).
  [[nodiscard]] __attribute__((always_inline)) std::int64_t tiles() const {
    return (width + kDepthwiseTile - 1) / kDepthwiseTile;
  }
  /// The first channel of a tile.
  [[nodiscard]] __attribute__((always_inline)) std::int64_t start(std::int64_t tile) const {
    const std::int64_t first = tile * kDepthwiseTile;
    return first + kDepthwiseTile <= width ? first : width - kDepthwiseTile;
  }
  /// Elements of a tile.
  [[nodiscard]] __attribute__((always_inline)) std::int64_t stride() const {
    return (before + columns + after) * kDepthwiseTile;
  }
  [[nodiscard]] __attribute__((always_inline)) std::int64_t elements() const { return tiles() * stride(); }
};

/// One row of the input of a depthwise convolution, float32, on its way from channels_last into tiles.
struct DepthwiseInput {
  const float* x;            ///< its first pixel, at the first channel
  std::int64_t stride;       ///< elements from pixel to pixel
  const float* coefficient;  ///< [tiles, 3, kDepthwiseTile]: center, scale, shift; null: nothing is to be done
  Activation activation;     ///< then y = activation((x - center) * scale + shift)
  TiledRow row;
  float* y;  ///< of row.elements()
};

/// One row of the output of a depthwise convolution, in channels_last.
struct DepthwiseRow {
  const float* in[kMostTaps];  ///< each row under it, in tiles; of zeros where there is none  // NOLINT
  TiledRow row;                ///< of all of them; kernel_columns are there for every output column
  std::int64_t kernel_rows, kernel_columns;
  std::int64_t step;  ///< of columns
  const float* taps;  ///< [tiles, kernel_rows, kernel_columns, kDepthwiseTile]
  const float* bias;  ///< [tiles, kDepthwiseTile]
  float* out;         ///< its first pixel, at the first channel
  std::int64_t out_columns;
  std::int64_t out_stride;  ///< elements from pixel to pixel
  const float* next;        ///< what will be brought into tiles next is fetched from memory meanwhile, or null
  std::int64_t next_pixels, next_stride;  ///< for each output column, and elements from one to the next
};

/// The loops for every element type, and those for float32 alone, which, too, give the same bits on every instruction
/// set.
struct LoopTable {
  Loops of_float, of_double, of_bfloat16, of_half;
  void (*depthwise_input)(const DepthwiseInput& input);
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
