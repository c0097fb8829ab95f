// SPDX-License-Identifier: MIT
// Depthwise convolutions, a row at a time. Rows are first brought into tiles (TiledRow): then all that makes an output
// lies at distances that are known here, no register of values lies in two cache lines, and no pixel lies outside:
// those beyond the edges are zeros that are multiplied as all others (so that a tap that is not finite reaches them).
// Outputs are written a few pixels at a time with all their channels, in the order of memory. Taps are added in the
// order of the kernel, products and sums rounded separately. Included by the translation unit of each instruction set.
#pragma once

#include <type_traits>

#include "ops/cpu/affine_loops.h"
#include "ops/cpu/tiles.h"

namespace ttscale::ops {
namespace {

constexpr int64_t kTileParts = kDepthwiseTile / Register<float>::kWidth;
static_assert(kTileParts * Register<float>::kWidth == kDepthwiseTile);

/// Pixels that share what they load, and whose sums are worked out side by side while each waits for its own: as many
/// as AVX2 has registers for. Maps of usual sizes are multiples of 7.
constexpr int kPixelsTogether = 7;
constexpr int kFewPixels = 4;

/// Calls of(tile, first channel, a register of that tile) for all of a row.
template <typename Of>
TTSCALE_INLINE void for_tile_parts(const TiledRow& row, const Of& of) {
  const int64_t tiles = row.tiles();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t channel = row.start(tile);
#pragma GCC unroll 4
    for (int64_t part = 0; part < kTileParts; ++part) {
      of(tile, channel, part * Register<float>::kWidth);
    }
  }
}

/// Calls of(column, std::integral_constant<int, count>) for `count` columns from `column` on, until all are done. Some
/// are done twice where that is faster than one by one.
template <typename Of>
TTSCALE_INLINE void for_columns(int64_t columns, const Of& of) {
  using Together = std::integral_constant<int, kPixelsTogether>;
  using Few = std::integral_constant<int, kFewPixels>;
  using One = std::integral_constant<int, 1>;
  int64_t column = 0;
  for (; column + kPixelsTogether <= columns; column += kPixelsTogether) {
    of(column, Together{});
  }
  if (column + kFewPixels < columns && columns >= kPixelsTogether) {
    of(columns - kPixelsTogether, Together{});
  } else if (column < columns && columns >= kFewPixels) {
    for (; column + kFewPixels < columns; column += kFewPixels) {
      of(column, Few{});
    }
    of(columns - kFewPixels, Few{});
  } else {
    for (; column < columns; ++column) {
      of(column, One{});
    }
  }
}

template <Activation::Function function, bool changes>
void depthwise_input_with(const DepthwiseInput& input) {
  using L = Lanes<float, Register<float>::kWidth>;
  const Activate<L, float, function> activation(input.activation);
  const TiledRow row = input.row;
  const int64_t tile_stride = row.stride();
  const int64_t stride = input.stride;
  const float* const coefficient = input.coefficient;
  for_tile_parts(row, [&](int64_t tile, int64_t, int64_t part) TTSCALE_INLINE_LAMBDA {
    float* const y = input.y + tile * tile_stride + part;
    for (int64_t i = 0; i < row.before; ++i) {
      L{}.store(y + i * kDepthwiseTile);
    }
    for (int64_t i = row.before + row.columns; i < row.before + row.columns + row.after; ++i) {
      L{}.store(y + i * kDepthwiseTile);
    }
  });
  const int64_t ahead = (kPrefetchBytes / static_cast<int64_t>(sizeof(float)) / row.width + 1) * stride;
  for_columns(row.columns, [&](int64_t column, auto count) TTSCALE_INLINE_LAMBDA {
    const float* const in = input.x + column * stride;
    float* const out = input.y + (row.before + column) * kDepthwiseTile;
    for_tile_parts(row, [&](int64_t tile, int64_t channel, int64_t part) TTSCALE_INLINE_LAMBDA {
      const float* x = in + channel + part;
      float* y = out + tile * tile_stride + part;
      L center{};
      L scale{};
      L shift{};
      if constexpr (changes) {
        const float* k = coefficient + tile * 3 * kDepthwiseTile + part;
        center = L::load(k);
        scale = L::load(k + kDepthwiseTile);
        shift = L::load(k + 2 * kDepthwiseTile);
      }
#pragma GCC unroll 8
      for (int n = 0; n < decltype(count)::value; ++n, x += stride, y += kDepthwiseTile) {
        if (part == 0) {
          prefetch<kDepthwiseTile>(x + ahead);
        }
        const L value = L::load(x);
        if constexpr (changes) {
          activation((value - center) * scale + shift).store(y);
        } else {
          value.store(y);
        }
      }
    });
  });
}

void depthwise_input(const DepthwiseInput& input) {
  if (input.coefficient == nullptr) {
    depthwise_input_with<Activation::Function::kClamp, false>(input);
    return;
  }
  with_tail({nullptr, input.activation},
            [&](auto function, auto) { depthwise_input_with<decltype(function)::value, true>(input); });
}

/// Of a kernel with kTaps rows and columns and a step of kStep; 0 where they are not known.
template <int kTaps, int kStep>
struct Depthwise {
  using V = Register<float>::Vector;
  DepthwiseRow row;

  [[nodiscard]] TTSCALE_INLINE int64_t taps() const {
    return kTaps > 0 ? int64_t{kTaps} * kTaps : row.kernel_rows * row.kernel_columns;
  }
  [[nodiscard]] TTSCALE_INLINE int64_t step() const { return kStep > 0 ? kStep : row.step; }

  /// kCount outputs, a register of channels of each. `at` is where the first of them begins in each row, `tap` and
  /// `out` where its channels do.
  template <int kCount>
  TTSCALE_INLINE void outputs(int64_t at, const float* tap, V bias, float* out) const {
    V y[kCount];  // NOLINT
#pragma GCC unroll 8
    for (int n = 0; n < kCount; ++n) {
      y[n] = bias;
    }
#pragma GCC unroll 8
    for (int i = 0; i < kTaps; ++i) {
      const float* const x = row.in[i] + at;
      V taps[kTaps];  // NOLINT
#pragma GCC unroll 8
      for (int j = 0; j < kTaps; ++j) {
        taps[j] = load_bytes<V>(tap + (i * kTaps + j) * kDepthwiseTile);
      }
#pragma GCC unroll 24
      for (int k = 0; k < (kCount - 1) * kStep + kTaps; ++k) {
        const V value = load_bytes<V>(x + k * kDepthwiseTile);
#pragma GCC unroll 8
        for (int n = 0; n < kCount; ++n) {
          const int j = k - n * kStep;
          if (j >= 0 && j < kTaps) {
            y[n] += value * taps[j];
          }
        }
      }
#pragma GCC unroll 8
      for (int n = 0; n < kCount; ++n) {
        keep_in_register(y[n]);
      }
    }
#pragma GCC unroll 8
    for (int n = 0; n < kCount; ++n) {
      __builtin_memcpy(out + n * row.out_stride, &y[n], sizeof(V));
    }
  }

  /// The same of a kernel of any size.
  TTSCALE_INLINE void output(int64_t at, const float* tap, V y, float* out) const {
    for (int64_t i = 0; i < row.kernel_rows; ++i) {
      for (int64_t j = 0; j < row.kernel_columns; ++j, tap += kDepthwiseTile) {
        y += load_bytes<V>(row.in[i] + at + j * kDepthwiseTile) * load_bytes<V>(tap);
      }
    }
    __builtin_memcpy(out, &y, sizeof(V));
  }

  /// Has a tile of pixels of row.next, which may lie beyond the end of the tensor, on its way into the cache.
  TTSCALE_INLINE void fetch(int64_t pixel, int64_t pixels, int64_t channel) const {
    const float* const first = row.next + pixel * row.next_stride + channel;
    for (int64_t i = 0; i < pixels; ++i) {
      __builtin_prefetch(first + i * row.next_stride, 0, 3);
    }
  }

  TTSCALE_INLINE void run() const {
    const int64_t tile_stride = row.row.stride();
    for_columns(row.out_columns, [&](int64_t column, auto count) TTSCALE_INLINE_LAMBDA {
      for_tile_parts(row.row, [&](int64_t tile, int64_t channel, int64_t part) TTSCALE_INLINE_LAMBDA {
        const int64_t at = tile * tile_stride + column * step() * kDepthwiseTile + part;
        const float* const tap = row.taps + tile * taps() * kDepthwiseTile + part;
        const V bias = load_bytes<V>(row.bias + tile * kDepthwiseTile + part);
        float* const out = row.out + column * row.out_stride + channel + part;
        if (part == 0 && row.next_pixels > 0) {
          fetch(column * row.next_pixels, decltype(count)::value * row.next_pixels, channel);
        }
        if constexpr (kTaps > 0) {
          outputs<decltype(count)::value>(at, tap, bias, out);
        } else {
          for (int n = 0; n < decltype(count)::value; ++n) {
            output(at + n * row.step * kDepthwiseTile, tap, bias, out + n * row.out_stride);
          }
        }
      });
    });
  }
};

void depthwise_row(const DepthwiseRow& row) {
  const bool square = row.kernel_rows == row.kernel_columns;
  if (square && row.kernel_rows == 3 && row.step == 1) {
    Depthwise<3, 1>{row}.run();
  } else if (square && row.kernel_rows == 3 && row.step == 2) {
    Depthwise<3, 2>{row}.run();
  } else if (square && row.kernel_rows == 5 && row.step == 1) {
    Depthwise<5, 1>{row}.run();
  } else if (square && row.kernel_rows == 5 && row.step == 2) {
    Depthwise<5, 2>{row}.run();
  } else {
    Depthwise<0, 0>{row}.run();
  }
}

}  // namespace
}  // namespace ttscale::ops
