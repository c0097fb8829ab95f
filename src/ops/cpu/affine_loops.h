// SPDX-License-Identifier: MIT
// y = tail((x - center) * scale + shift) over rows and over pixels. Included by the translation unit of each
// instruction set.
#pragma once

#include <type_traits>

#include "ops/cpu/activation_lanes.h"
#include "ops/cpu/tiles.h"

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

/// Those of as many channels in a row as a register has lanes, all at once.
template <typename T>
TTSCALE_INLINE void coefficients_of_register(const double* c, const double* s, const double* t,
                                             typename Arithmetic<T>::Type* center, typename Arithmetic<T>::Type* scale,
                                             typename Arithmetic<T>::Type* shift) {
  using V = typename Register<T>::Vector;
  using Double = typename Of<Register<T>::kWidth>::Double;
  const auto plain = [](const Double& x) __attribute__((always_inline)) {
    const V v = __builtin_convertvector(x, V);
    return v == v ? v : V{} + static_cast<typename Arithmetic<T>::Type>(__builtin_nan(""));
  };
  Double wide[3];  // NOLINT: center, scale, shift; as results of a function such vectors would change the ABI
  __builtin_memcpy(&wide[0], c, sizeof(Double));
  __builtin_memcpy(&wide[1], s, sizeof(Double));
  __builtin_memcpy(&wide[2], t, sizeof(Double));
  const V rounded = plain(wide[0]);
  const Double lost = wide[0] - __builtin_convertvector(rounded, Double);
  const V all[] = {rounded, plain(wide[1]), plain(wide[2] - lost * wide[1])};  // NOLINT
  __builtin_memcpy(center, &all[0], sizeof(V));
  __builtin_memcpy(scale, &all[1], sizeof(V));
  __builtin_memcpy(shift, &all[2], sizeof(V));
}

/// One register of elements in, one out. `residual` is where that of `in` begins.
template <typename T, Activation::Function function, bool adds>
struct Pass {
  using A = typename Arithmetic<T>::Type;
  using L = Lanes<T, Register<T>::kElements>;
  Activate<L, A, function> activation;

  TTSCALE_INLINE L operator()(const L& x, const L& center, const L& scale, const L& shift, const T* residual) const {
    L y = (x - center) * scale + shift;
    if constexpr (adds) {
      y += L::load(residual);
    }
    return activation(y);
  }
};

template <typename T, Activation::Function function, bool adds>
void row_affine_with(const T* x, T* y, int64_t rows, int64_t length, const double* c, const double* s, const double* t,
                     const Tail& tail) {
  constexpr int kElements = Register<T>::kElements;
  using L = Lanes<T, kElements>;
  const Pass<T, function, adds> pass{Activate<L, typename Arithmetic<T>::Type, function>(tail.activation)};
  const T* residual = adds ? static_cast<const T*>(tail.residual) : x;
  const T* const end = x + rows * length;
  for (int64_t row = 0; row < rows; ++row, x += length, y += length, residual += length) {
    const Coefficient<typename Arithmetic<T>::Type> k(c[row], s[row], t[row]);
    const L center = L::all(k.center);
    const L scale = L::all(k.scale);
    const L shift = L::all(k.shift);
    const auto apply = [&](const L& in, const T* add) __attribute__((always_inline)) {
      return pass(in, center, scale, shift, add);
    };
    if (length >= kElements) {
      // Where elements are left over, the last register overlaps the one before. What it holds is read before y, which
      // may be x, is written.
      const int64_t rest = length - kElements;
      const L last = L::load(x + rest);
      int64_t i = 0;
      for (; i + kElements <= length; i += kElements) {
        apply(L::load(x + i), residual + i).store(y + i);
      }
      if (i < length) {
        apply(last, residual + rest).store(y + rest);
      }
    } else if (end - x >= kElements) {
      apply(L::load(x), residual)
          .store(y);  // what it writes beyond the row is then overwritten by the rows that follow
    } else {
      T padded[kElements] = {};  // NOLINT
      T added[kElements] = {};   // NOLINT
      for (int64_t j = 0; j < length; ++j) {
        padded[j] = x[j];
        added[j] = residual[j];
      }
      apply(L::load(padded), added).store(padded);
      for (int64_t j = 0; j < length; ++j) {
        y[j] = padded[j];
      }
    }
  }
}

template <typename T, Activation::Function function, bool adds>
void pixel_affine_with(const T* x, T* y, int64_t pixels, int64_t stride, int64_t y_stride, int64_t width,
                       const double* c, const double* s, const double* t, const Tail& tail) {
  using A = typename Arithmetic<T>::Type;
  using L = typename Tiles<T>::L;
  constexpr int64_t kWidth = Tiles<T>::kWidth;
  const Pass<T, function, adds> pass{Activate<L, A, function>(tail.activation)};
  const T* residual = adds ? static_cast<const T*>(tail.residual) : x;
  const bool narrow = width < kNarrow;
  const int64_t fold = narrow ? narrow_fold(width) : 1;
  const Tiles<T> tiles{fold * width};
  A center[kMaxWidth], scale[kMaxWidth], shift[kMaxWidth];  // NOLINT
  for (int64_t tile = 0; tile < tiles.count(); ++tile) {
    const int64_t first = tiles.start(tile);
    const int64_t to = tile * kWidth;
    if constexpr (Register<T>::kVectors == 1) {
      if (!narrow) {
        coefficients_of_register<T>(c + first, s + first, t + first, center + to, scale + to, shift + to);
        continue;
      }
    }
    for (int lane = 0; lane < kWidth; ++lane) {
      const int64_t at = first + L::element(lane);
      const int64_t i = narrow ? at % width : at;  // a division takes longer than the rest
      const Coefficient<A> k(c[i], s[i], t[i]);
      center[to + lane] = k.center;
      scale[to + lane] = k.scale;
      shift[to + lane] = k.shift;
    }
  }
  const auto apply = [&](const L& in, int64_t lane, const T* add) __attribute__((always_inline)) {
    return pass(in, L::read(center + lane), L::read(scale + lane), L::read(shift + lane), add);
  };
  const int64_t groups = pixels / fold;
  const int64_t whole = tiles.channels / kWidth * kWidth;
  const int64_t last = tiles.channels - kWidth;
  const int64_t ahead = (kPrefetchBytes / static_cast<int64_t>(sizeof(T)) / tiles.channels + 1) * fold * stride;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t start = g * fold * stride;
    const T* in = x + start;
    const T* add = residual + start;
    T* to = y + g * fold * y_stride;
    const auto tile = [&](int64_t i) __attribute__((always_inline)) {
      prefetch<kWidth>(in + i + ahead);
      apply(L::load(in + i), i, add + i).store(to + i);
    };
    if (whole == tiles.channels) {
      for (int64_t i = 0; i < whole; i += kWidth) {
        tile(i);
      }
    } else {
      const L overlapping = L::load(in + last);  // before y, which may be x, is written
      for (int64_t i = 0; i < whole; i += kWidth) {
        tile(i);
      }
      apply(overlapping, whole, add + last).store(to + last);
    }
  }
  // Narrow pixels that make no group, in steps of a tile, of which the last is filled up.
  const int64_t rest = (pixels - groups * fold) * width;
  for (int64_t i = 0; i < rest; i += kWidth) {
    const int64_t start = groups * fold * width + i;
    const T* in = x + start;
    const T* add = residual + start;
    T* to = y + start;
    if (i + kWidth <= rest) {
      apply(L::load(in), i, add).store(to);
    } else {
      T padded[kWidth] = {};  // NOLINT
      T added[kWidth] = {};   // NOLINT
      for (int64_t j = 0; i + j < rest; ++j) {
        padded[j] = in[j];
        added[j] = add[j];
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
      pass(L::load(padded), L::read(own[0]), L::read(own[1]), L::read(own[2]), added).store(padded);
      for (int64_t j = 0; i + j < rest; ++j) {
        to[j] = padded[j];
      }
    }
  }
}

/// Calls of(function, adds) with the function of the tail, and whether there is a residual, as constants.
template <typename Of>
TTSCALE_INLINE void with_tail(const Tail& tail, const Of& of) {
  const auto with_function = [&](auto adds) __attribute__((always_inline)) {
    using Function = Activation::Function;
    switch (tail.activation.function) {
      case Function::kLeakyRelu:
        return of(std::integral_constant<Function, Function::kLeakyRelu>{}, adds);
      case Function::kHardswish:
        return of(std::integral_constant<Function, Function::kHardswish>{}, adds);
      case Function::kSilu:
        return of(std::integral_constant<Function, Function::kSilu>{}, adds);
      case Function::kClamp:
        return of(std::integral_constant<Function, Function::kClamp>{}, adds);
    }
  };
  return tail.residual == nullptr ? with_function(std::false_type{}) : with_function(std::true_type{});
}

template <typename T>
void row_affine(const void* x, void* y, int64_t rows, int64_t length, const double* c, const double* s, const double* t,
                const Tail& tail) {
  with_tail(tail, [&](auto function, auto adds) {
    row_affine_with<T, decltype(function)::value, decltype(adds)::value>(static_cast<const T*>(x), static_cast<T*>(y),
                                                                         rows, length, c, s, t, tail);
  });
}

template <typename T>
void pixel_affine(const void* x, void* y, int64_t pixels, int64_t stride, int64_t y_stride, int64_t width,
                  const double* c, const double* s, const double* t, const Tail& tail) {
  with_tail(tail, [&](auto function, auto adds) {
    pixel_affine_with<T, decltype(function)::value, decltype(adds)::value>(
        static_cast<const T*>(x), static_cast<T*>(y), pixels, stride, y_stride, width, c, s, t, tail);
  });
}

}  // namespace
}  // namespace ttscale::ops
