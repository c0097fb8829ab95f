// SPDX-License-Identifier: MIT
// y = (x - center) * scale + shift over rows and over pixels. Included by the translation unit of each instruction set.
#pragma once

#include "ops/cpu/lanes.h"

namespace ttscale::ops {
namespace {

/// A coefficient triple in the arithmetic of the kernel: what `center` loses by rounding goes into `shift`.
template <typename A>
struct Coefficient {
  A center, scale, shift;

  TTSCALE_INLINE Coefficient(double c, double s, double t)
      : center(plain(c)), scale(plain(s)), shift(plain(t - (c - static_cast<double>(center)) * s)) {}

 private:
  /// NaN may carry any bits; those that arithmetic makes are safe to store (Register<BFloat16>).
  static TTSCALE_INLINE A plain(double x) { return x == x ? static_cast<A>(x) : static_cast<A>(__builtin_nan("")); }
};

template <typename T>
void row_affine(const void* data, void* out, int64_t rows, int64_t length, const double* c, const double* s,
                const double* t) {
  constexpr int kElements = Register<T>::kElements;
  using L = Lanes<T, kElements>;
  const T* x = static_cast<const T*>(data);
  T* y = static_cast<T*>(out);
  const T* const end = x + rows * length;
  for (int64_t row = 0; row < rows; ++row, x += length, y += length) {
    const Coefficient<typename Arithmetic<T>::Type> k(c[row], s[row], t[row]);
    const L center = L::all(k.center);
    const L scale = L::all(k.scale);
    const L shift = L::all(k.shift);
    const auto apply = [&](const T* in, T* to) __attribute__((always_inline)) {
      ((L::load(in) - center) * scale + shift).store(to);
    };
    if (length >= kElements) {
      int64_t i = 0;
      for (; i + kElements <= length; i += kElements) {
        apply(x + i, y + i);
      }
      if (i < length) {
        apply(x + length - kElements, y + length - kElements);  // some elements twice, with the same result
      }
    } else if (end - x >= kElements) {
      apply(x, y);  // what it writes beyond the row is then overwritten by the rows that follow
    } else {
      T padded[kElements] = {};  // NOLINT
      for (int64_t j = 0; j < length; ++j) {
        padded[j] = x[j];
      }
      apply(padded, padded);
      for (int64_t j = 0; j < length; ++j) {
        y[j] = padded[j];
      }
    }
  }
}

template <typename T>
void pixel_affine(const void* data, void* out, int64_t pixels, int64_t stride, int64_t width, const double* c,
                  const double* s, const double* t) {
  using A = typename Arithmetic<T>::Type;
  using L = typename Tiles<T>::L;
  constexpr int64_t kWidth = Tiles<T>::kWidth;
  const T* x = static_cast<const T*>(data);
  T* y = static_cast<T*>(out);
  const bool narrow = width < kNarrow;
  const int64_t fold = narrow ? narrow_fold(width) : 1;
  const Tiles<T> tiles{fold * width};
  A center[kMaxWidth], scale[kMaxWidth], shift[kMaxWidth];  // NOLINT
  for (int64_t tile = 0; tile < tiles.count(); ++tile) {
    for (int lane = 0; lane < kWidth; ++lane) {
      const int64_t channel = tiles.start(tile) + L::element(lane);
      const int64_t i = narrow ? channel % width : channel;
      const Coefficient<A> k(c[i], s[i], t[i]);
      center[tile * kWidth + lane] = k.center;
      scale[tile * kWidth + lane] = k.scale;
      shift[tile * kWidth + lane] = k.shift;
    }
  }
  const auto apply = [&](const T* in, T* to, int64_t lane) __attribute__((always_inline)) {
    ((L::load(in) - L::read(center + lane)) * L::read(scale + lane) + L::read(shift + lane)).store(to);
  };
  const int64_t groups = pixels / fold;
  const int64_t whole = tiles.channels / kWidth * kWidth;
  for (int64_t g = 0; g < groups; ++g) {
    const T* in = x + g * fold * stride;
    T* to = y + g * fold * stride;
    for (int64_t i = 0; i < whole; i += kWidth) {
      apply(in + i, to + i, i);
    }
    if (whole < tiles.channels) {
      apply(in + tiles.channels - kWidth, to + tiles.channels - kWidth, whole);  // some twice, with the same result
    }
  }
  // Narrow pixels that make no group, in steps of a tile, of which the last is filled up.
  const int64_t rest = (pixels - groups * fold) * width;
  for (int64_t i = 0; i < rest; i += kWidth) {
    const T* in = x + groups * fold * width + i;
    T* to = y + groups * fold * width + i;
    if (i + kWidth <= rest) {
      apply(in, to, i);
    } else {
      T padded[kWidth] = {};  // NOLINT
      for (int64_t j = 0; i + j < rest; ++j) {
        padded[j] = in[j];
      }
      // The tile of these lanes may be the last, which begins earlier: its own coefficients, element by element.
      A own[3][kWidth];  // NOLINT
      for (int lane = 0; lane < kWidth; ++lane) {
        const int64_t channel = (i + L::element(lane)) % width;
        const Coefficient<A> k(c[channel], s[channel], t[channel]);
        own[0][lane] = k.center;
        own[1][lane] = k.scale;
        own[2][lane] = k.shift;
      }
      ((L::load(padded) - L::read(own[0])) * L::read(own[1]) + L::read(own[2])).store(padded);
      for (int64_t j = 0; i + j < rest; ++j) {
        to[j] = padded[j];
      }
    }
  }
}

}  // namespace
}  // namespace ttscale::ops
