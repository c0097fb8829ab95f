// SPDX-License-Identifier: MIT
// Rows of a depthwise convolution's output: for each tile of channels the taps stay in registers, and the input under
// all these rows in the first-level cache. Taps are added in the order of the kernel, products and sums rounded
// separately. Included by the translation unit of each instruction set.
#pragma once

#include "ops/cpu/lanes.h"

namespace ttscale::ops {
namespace {

/// Of a kernel with kTaps rows and columns and a step of kStep; 0 where they are not known.
template <int kTaps, int kStep>
struct DepthwiseTile {
  using L = Tiles<float>::L;
  /// Outputs that share what they load.
  static constexpr int kTogether = 4;
  /// How many outputs ahead memory is asked for.
  static constexpr int kOutputsAhead = 16;

  const DepthwiseRows& row;
  int64_t channel;
  int64_t r = 0;                           ///< the row in hand
  L taps[kTaps == 0 ? 1 : kTaps * kTaps];  // NOLINT
  L bias;

  TTSCALE_INLINE DepthwiseTile(const DepthwiseRows& of, int64_t first)
      : row(of), channel(first), bias(of.bias == nullptr ? L{} : L::load(of.bias + first)) {
    for (int i = 0; i < kTaps * kTaps; ++i) {
      taps[i] = L::load(of.weight + i * of.weight_stride + first);
    }
  }

  [[nodiscard]] TTSCALE_INLINE int64_t step() const { return kStep == 0 ? row.step : kStep; }

  /// An output some of whose columns may lie outside.
  TTSCALE_INLINE void at_edge(int64_t column) const {
    const int64_t start = column * step() - row.padding;
    const auto lies_inside = [&](int64_t j) { return start + j >= 0 && start + j < row.columns; };
    L y = bias;
    if constexpr (kTaps > 0) {
      for (int i = 0; i < kTaps; ++i) {
        for (int j = 0; j < kTaps; ++j) {
          if (lies_inside(j)) {
            y += L::load(row.in[r * row.row_step + i] + (start + j) * row.in_stride + channel) * taps[i * kTaps + j];
          }
        }
      }
    } else {
      for (int64_t i = 0; i < row.kernel_rows; ++i) {
        for (int64_t j = 0; j < row.kernel_columns; ++j) {
          if (lies_inside(j)) {
            const float* tap = row.weight + (i * row.kernel_columns + j) * row.weight_stride + channel;
            y += L::load(row.in[r * row.row_step + i] + (start + j) * row.in_stride + channel) * L::load(tap);
          }
        }
      }
    }
    y.store(row.out + r * row.out_row + column * row.out_stride + channel);
  }

  /// What outputs from `column` on have to fetch of the pixels that come later. The cores' own prefetchers do not
  /// follow the order in which tiles are read, and rest while rows that are in the cache are convolved.
  template <int kCount>
  TTSCALE_INLINE void fetch(int64_t column) const {
    const float* ahead = row.ahead + (r * row.out_columns + column) * row.ahead_of_output * row.ahead_stride + channel;
    for (int64_t i = 0; i < kCount * row.ahead_of_output; ++i) {
      __builtin_prefetch(ahead + i * row.ahead_stride, 0, 2);
    }
    float* const out = row.out + r * row.out_row + (column + kOutputsAhead) * row.out_stride + channel;
    for (int64_t i = 0; i < kCount; ++i) {
      __builtin_prefetch(out + i * row.out_stride, 1, 3);
    }
  }

  /// kCount outputs from `column` on, all of whose columns lie inside.
  template <int kCount>
  TTSCALE_INLINE void inside(int64_t column) const {
    L y[kCount];  // NOLINT
    for (int n = 0; n < kCount; ++n) {
      y[n] = bias;
    }
    fetch<kCount>(column);
    const int64_t start = column * kStep - row.padding;
    for (int i = 0; i < kTaps; ++i) {
      const float* in = row.in[r * row.row_step + i] + start * row.in_stride + channel;
      for (int k = 0; k < (kCount - 1) * kStep + kTaps; ++k) {
        const L x = L::load(in + k * row.in_stride);
        for (int n = 0; n < kCount; ++n) {
          const int j = k - n * kStep;
          if (j >= 0 && j < kTaps) {
            y[n] += x * taps[i * kTaps + j];
          }
        }
      }
    }
    for (int n = 0; n < kCount; ++n) {
      y[n].store(row.out + r * row.out_row + (column + n) * row.out_stride + channel);
    }
  }

  TTSCALE_INLINE void run() {
    for (r = 0; r < row.rows; ++r) {
      run_row();
    }
  }

 private:
  TTSCALE_INLINE void run_row() const {
    int64_t column = 0;
    if constexpr (kTaps > 0) {
      const int64_t first = (row.padding + kStep - 1) / kStep;
      const int64_t room = row.columns + row.padding - kTaps;  // the last start that lies inside, from the padding
      const int64_t end = room < 0 ? 0 : (room / kStep + 1 < row.out_columns ? room / kStep + 1 : row.out_columns);
      for (; column < first && column < row.out_columns; ++column) {
        at_edge(column);
      }
      for (; column + kTogether <= end; column += kTogether) {
        inside<kTogether>(column);
      }
      for (; column < end; ++column) {
        inside<1>(column);
      }
    }
    for (; column < row.out_columns; ++column) {
      at_edge(column);
    }
  }
};

template <int kTaps, int kStep>
void depthwise_rows_with(const DepthwiseRows& row) {
  const Tiles<float> tiles{row.width};
  for (int64_t tile = 0; tile < tiles.count(); ++tile) {
    DepthwiseTile<kTaps, kStep>(row, tiles.start(tile)).run();
  }
}

void depthwise_rows(const DepthwiseRows& row) {
  const bool square = row.kernel_rows == row.kernel_columns;
  if (square && row.kernel_rows == 3 && row.step == 1) {
    depthwise_rows_with<3, 1>(row);
  } else if (square && row.kernel_rows == 3 && row.step == 2) {
    depthwise_rows_with<3, 2>(row);
  } else if (square && row.kernel_rows == 5 && row.step == 1) {
    depthwise_rows_with<5, 1>(row);
  } else if (square && row.kernel_rows == 5 && row.step == 2) {
    depthwise_rows_with<5, 2>(row);
  } else {
    depthwise_rows_with<0, 0>(row);
  }
}

}  // namespace
}  // namespace ttscale::ops
