// SPDX-License-Identifier: MIT
// A row of a depthwise convolution's output, a few pixels at a time with all their channels: in the order of memory,
// which the cores' prefetchers follow. Taps are added in the order of the kernel, products and sums rounded separately.
// Included by the translation unit of each instruction set.
#pragma once

#include "ops/cpu/tiles.h"

namespace ttscale::ops {
namespace {

/// Of a kernel with kTaps rows and columns and a step of kStep; 0 where they are not known.
template <int kTaps, int kStep>
struct Depthwise {
  using L = Tiles<float>::L;
  /// Outputs that share what they load.
  static constexpr int kTogether = 4;

  const DepthwiseRow& row;
  Tiles<float> tiles;

  TTSCALE_INLINE explicit Depthwise(const DepthwiseRow& of) : row(of), tiles{of.width} {}

  [[nodiscard]] TTSCALE_INLINE int64_t kernel_rows() const { return kTaps == 0 ? row.kernel_rows : kTaps; }
  [[nodiscard]] TTSCALE_INLINE int64_t kernel_columns() const { return kTaps == 0 ? row.kernel_columns : kTaps; }
  [[nodiscard]] TTSCALE_INLINE int64_t start(int64_t column) const {
    return column * (kStep == 0 ? row.step : kStep) - row.padding;
  }
  [[nodiscard]] TTSCALE_INLINE L bias(int64_t channel) const {
    return row.bias == nullptr ? L{} : L::load(row.bias + channel);
  }
  [[nodiscard]] TTSCALE_INLINE L tap(int64_t i, int64_t j, int64_t channel) const {
    return L::load(row.weight + (i * kernel_columns() + j) * row.weight_stride + channel);
  }
  /// Under row i and column `column` of the kernel's place.
  [[nodiscard]] TTSCALE_INLINE const float* in(int64_t i, int64_t column, int64_t channel) const {
    return row.in[i] + column * row.in_stride + channel;
  }
  [[nodiscard]] TTSCALE_INLINE float* out(int64_t column, int64_t channel) const {
    return row.out + column * row.out_stride + channel;
  }

  /// An output some of whose columns may lie outside.
  TTSCALE_INLINE void at_edge(int64_t column, int64_t channel) const {
    const int64_t first = start(column);
    L y = bias(channel);
    for (int64_t i = 0; i < kernel_rows(); ++i) {
      for (int64_t j = 0; j < kernel_columns(); ++j) {
        if (first + j >= 0 && first + j < row.columns) {
          y += L::load(in(i, first + j, channel)) * tap(i, j, channel);
        }
      }
    }
    y.store(out(column, channel));
  }

  /// kCount outputs from `column` on, all of whose columns lie inside.
  template <int kCount>
  TTSCALE_INLINE void inside(int64_t column, int64_t channel) const {
    L y[kCount];  // NOLINT
    for (int n = 0; n < kCount; ++n) {
      y[n] = bias(channel);
    }
    for (int i = 0; i < kTaps; ++i) {
      L taps[kTaps];  // NOLINT
      for (int j = 0; j < kTaps; ++j) {
        taps[j] = tap(i, j, channel);
      }
      const float* x = in(i, start(column), channel);
      for (int k = 0; k < (kCount - 1) * kStep + kTaps; ++k) {
        const L value = L::load(x + k * row.in_stride);
        for (int n = 0; n < kCount; ++n) {
          const int j = k - n * kStep;
          if (j >= 0 && j < kTaps) {
            y[n] += value * taps[j];
          }
        }
      }
    }
    for (int n = 0; n < kCount; ++n) {
      y[n].store(out(column + n, channel));
    }
  }

  /// Calls of(channel) for the first channel of each tile.
  template <typename Of>
  TTSCALE_INLINE void for_each_tile(const Of& of) const {
    for (int64_t tile = 0; tile < tiles.count(); ++tile) {
      of(tiles.start(tile));
    }
  }

  TTSCALE_INLINE void run() const {
    int64_t column = 0;
    const auto edge_until = [&](int64_t end) __attribute__((always_inline)) {
      for (; column < end && column < row.out_columns; ++column) {
        for_each_tile([&](int64_t channel) __attribute__((always_inline)) { at_edge(column, channel); });
      }
    };
    if constexpr (kTaps > 0) {
      edge_until((row.padding + kStep - 1) / kStep);
      const int64_t room = row.columns + row.padding - kTaps;  // the last start that lies inside, from the padding
      const int64_t end = room < 0 ? 0 : (room / kStep + 1 < row.out_columns ? room / kStep + 1 : row.out_columns);
      for (; column + kTogether <= end; column += kTogether) {
        for_each_tile([&](int64_t channel) __attribute__((always_inline)) { inside<kTogether>(column, channel); });
      }
      for (; column < end; ++column) {
        for_each_tile([&](int64_t channel) __attribute__((always_inline)) { inside<1>(column, channel); });
      }
    }
    edge_until(row.out_columns);
  }
};

void depthwise_row(const DepthwiseRow& row) {
  const bool square = row.kernel_rows == row.kernel_columns;
  if (square && row.kernel_rows == 3 && row.step == 1) {
    Depthwise<3, 1>(row).run();
  } else if (square && row.kernel_rows == 3 && row.step == 2) {
    Depthwise<3, 2>(row).run();
  } else if (square && row.kernel_rows == 5 && row.step == 1) {
    Depthwise<5, 1>(row).run();
  } else if (square && row.kernel_rows == 5 && row.step == 2) {
    Depthwise<5, 2>(row).run();
  } else {
    Depthwise<0, 0>(row).run();
  }
}

}  // namespace
}  // namespace ttscale::ops
