// SPDX-License-Identifier: MIT
// Moments in one read. Blocks are summed around a shift k in the arithmetic of the element type (float32, or float64
// for float64): with d = x - k, the block's mean is k + sum(d) / n and its m2 is sum(d^2) - sum(d)^2 / n. Blocks are
// merged in float64 (Chan, Golub, LeVeque 1979).
//
// The shift of a block is the mean of all blocks before it, that of the first the mean of its first values. So what the
// subtraction cancels is bounded: if k is the mean of p values and lies D from the mean of the n values of the block,
// the block adds D^2 n p / (n + p) to the result and cancels D^2 n, at most 1 + n / p times as much. Blocks are no
// longer than 16 p. Data that begin with an outlier, jump or drift cost a few roundings, and so does a mean of a
// million standard deviations: x - k is exact where x and k are near each other.
//
// Included by the translation unit of each instruction set.
#pragma once

#include "ops/cpu/tiles.h"

namespace ttscale::ops {
namespace {

/// Mean and sum of squared deviations of `count` values.
struct Moments {
  double mean = 0, m2 = 0, count = 0;

  /// Of n values with sums `first` and `second` around `shift`; `inverse` is 1 / n.
  static TTSCALE_INLINE Moments of_sums(double shift, double first, double second, double n, double inverse) {
    const double part = first * inverse;
    const double rest = second - first * part;
    return {shift + part, rest > 0 ? rest : rest - rest, n};  // rounding may go below 0; NaN stays NaN
  }
  TTSCALE_INLINE void add(const Moments& other) {
    if (count == 0) {  // the square of its distance from nothing may overflow
      *this = other;
      return;
    }
    const double delta = other.mean - mean;
    const double share = other.count / (count + other.count);
    mean += delta * share;
    m2 += other.m2 + delta * delta * (count * share);
    count += other.count;
  }
};

/// Moments of one row, whose values go round the lanes.
template <typename T>
struct Row {
  using A = typename Arithmetic<T>::Type;
  static constexpr int kLanes = 128 / static_cast<int>(sizeof(A));  // two registers of AVX-512, two chains of additions
  static constexpr int64_t kGroup = 16;
  static constexpr int64_t kFirst = int64_t{16} * kLanes;
  static constexpr int64_t kBlock = int64_t{64} * kLanes;
  static constexpr int64_t kAhead = kPrefetchBytes / static_cast<int64_t>(sizeof(T));
  using L = Lanes<T, kLanes>;

  /// Fewer values than lanes; `all` has them in its first lanes.
  static TTSCALE_INLINE Moments of_short(const L& all, int64_t n, double inverse) {
    const A origin = all.front();
    const A k = origin + (all - L::all(origin)).only(0, n).total() * static_cast<A>(inverse);
    const L d = (all - L::all(k)).only(0, n);
    L squares{};
    squares.add_squares(d);
    return Moments::of_sums(static_cast<double>(k), static_cast<double>(d.total()),
                            static_cast<double>(squares.total()), static_cast<double>(n), inverse);
  }

  /// The values from `begin` to `end`, of a row that has kLanes values before `end`.
  static TTSCALE_INLINE Moments of_block(const T* begin, const T* end, A k, double inverse) {
    const L shift = L::all(k);
    L sums{};
    L squares{};
    const T* x = begin;
    // Sums of few values by themselves: added to longer sums afterwards they round less than one by one.
    for (; end - x >= kGroup * kLanes; x += kGroup * kLanes) {
      L sum{};
      L square{};
      for (int64_t i = 0; i < kGroup * kLanes; i += kLanes) {
        prefetch<kLanes>(x + i + kAhead);
        const L d = L::load(x + i) - shift;
        sum += d;
        square.add_squares(d);
      }
      sums += sum;
      squares += square;
    }
    for (; end - x >= kLanes; x += kLanes) {
      prefetch<kLanes>(x + kAhead);
      const L d = L::load(x) - shift;
      sums += d;
      squares.add_squares(d);
    }
    if (x < end) {
      // The last kLanes values, without those that have been added already.
      const L d = (L::load(end - kLanes) - shift).only(kLanes - (end - x), kLanes);
      sums += d;
      squares.add_squares(d);
    }
    return Moments::of_sums(static_cast<double>(k), static_cast<double>(sums.total()),
                            static_cast<double>(squares.total()), static_cast<double>(end - begin), inverse);
  }

  /// The mean of the first kLanes values.
  static TTSCALE_INLINE A first_shift(const T* x) {
    const L head = L::load(x);
    const A origin = head.front();
    return origin + (head - L::all(origin)).total() * (A{1} / kLanes);
  }

  static TTSCALE_INLINE Moments of_long(const T* x, int64_t length) {
    const T* const end = x + length;
    const T* stop = x + kFirst;
    Moments moments = of_block(x, stop, first_shift(x), 1.0 / kFirst);
    while (stop < end) {
      const T* const begin = stop;
      stop = end - begin < kBlock ? end : begin + kBlock;
      moments.add(of_block(begin, stop, static_cast<A>(moments.mean), 1.0 / static_cast<double>(stop - begin)));
    }
    return moments;
  }
};

template <typename T>
void row_moments(const void* data, int64_t rows, int64_t length, double* mean, double* m2) {
  using R = Row<T>;
  const T* x = static_cast<const T*>(data);
  const T* const end = x + rows * length;
  const double inverse = 1.0 / static_cast<double>(length);
  for (int64_t row = 0; row < rows; ++row, x += length) {
    Moments moments;
    if (length > R::kFirst) {
      moments = R::of_long(x, length);
    } else if (length >= R::kLanes) {
      moments = R::of_block(x, x + length, R::first_shift(x), inverse);
    } else if (end - x >= R::kLanes) {
      moments = R::of_short(R::L::load(x), length, inverse);
    } else {
      T padded[R::kLanes] = {};  // NOLINT
      for (int64_t i = 0; i < length; ++i) {
        padded[i] = x[i];
      }
      moments = R::of_short(R::L::load(padded), length, inverse);
    }
    mean[row] = moments.mean;
    m2[row] = moments.m2;
  }
}

/// Moments of up to kMaxWidth channels, a lane each.
template <typename T>
struct Channels {
  using A = typename Arithmetic<T>::Type;
  using L = typename Tiles<T>::L;
  // Pixels for which sums stay in registers.
  static constexpr int64_t kGroup = 8;
  // Tiles of a group that are on their way from memory. Prefetchers in hardware do not follow the order of tiles.
  static constexpr int64_t kAhead = 8;
  static constexpr int64_t kBlock = 128;

  Tiles<T> tiles;
  A shift[kMaxWidth], sums[kMaxWidth], squares[kMaxWidth];  // NOLINT
  double mean[kMaxWidth], m2[kMaxWidth];                    // NOLINT

  TTSCALE_INLINE explicit Channels(int64_t width) : tiles{width} {}

  /// Sums of few pixels by themselves: added to longer sums afterwards they round less than one by one.
  static TTSCALE_INLINE void sum_pixels(const T* x, const T* ahead, int64_t pixels, int64_t stride, const L& k, L& sum,
                                        L& square) {
    sum = L{};
    square = L{};
    for (int64_t p = 0; p < pixels; ++p) {
      prefetch<1>(ahead + p * stride);
      const L d = L::load(x + p * stride) - k;
      sum += d;
      square.add_squares(d);
    }
  }

  /// Shifts of the first block: the mean of its first pixels.
  TTSCALE_INLINE void start(const T* x, int64_t pixels, int64_t stride) {
    const int64_t n = pixels < kGroup ? pixels : kGroup;
    const L inverse = L::all(A{1} / static_cast<A>(n));
    for (int64_t tile = 0; tile < tiles.count(); ++tile) {
      const T* from = x + tiles.start(tile);
      const L origin = L::load(from);
      L sum;
      L square;
      sum_pixels(from, from, n, stride, origin, sum, square);
      (origin + sum * inverse).write(shift + tile * tiles.kWidth);
    }
  }

  TTSCALE_INLINE void add_block(const T* x, int64_t pixels, int64_t stride) {
    for (int64_t i = 0; i < tiles.count() * tiles.kWidth; ++i) {
      sums[i] = 0;
      squares[i] = 0;
    }
    const int64_t groups_ahead = kAhead / tiles.count();
    const int64_t tiles_ahead = kAhead % tiles.count();
    for (int64_t p = 0; p < pixels; p += kGroup) {
      for (int64_t tile = 0; tile < tiles.count(); ++tile) {
        const T* from = x + p * stride + tiles.start(tile);
        const int64_t later = tile + tiles_ahead;
        const int64_t over = later < tiles.count() ? 0 : 1;
        const T* ahead = x + (p + (groups_ahead + over) * kGroup) * stride + tiles.start(later - over * tiles.count());
        const int64_t at = tile * tiles.kWidth;
        const L k = L::read(shift + at);
        L sum;
        L square;
        if (p + kGroup <= pixels) {
          sum_pixels(from, ahead, kGroup, stride, k, sum, square);
        } else {
          sum_pixels(from, ahead, pixels - p, stride, k, sum, square);
        }
        (L::read(sums + at) + sum).write(sums + at);
        (L::read(squares + at) + square).write(squares + at);
      }
    }
  }

  /// Merges a block of n pixels into those of `count` pixels before, as Moments does, and sets the next shifts.
  TTSCALE_INLINE void merge_block(int64_t count, int64_t n) {
    const double inverse = 1.0 / static_cast<double>(n);
    const double share = static_cast<double>(n) / static_cast<double>(count + n);
    const double weight = static_cast<double>(count) * share;
    for (int64_t i = 0; i < tiles.count() * tiles.kWidth; ++i) {
      const auto first = static_cast<double>(sums[i]);
      const double part = first * inverse;
      const double rest = static_cast<double>(squares[i]) - first * part;
      const double block_m2 = rest > 0 ? rest : rest - rest;
      const double block_mean = static_cast<double>(shift[i]) + part;
      const double delta = count == 0 ? 0 : block_mean - mean[i];  // none yet: its square may overflow
      mean[i] = count == 0 ? block_mean : mean[i] + delta * share;
      m2[i] = (count == 0 ? 0 : m2[i]) + (block_m2 + delta * delta * weight);
      shift[i] = static_cast<A>(mean[i]);
    }
  }

  /// The results, in the order of the channels.
  TTSCALE_INLINE void write(double* to_mean, double* to_m2) const {
    for (int64_t tile = 0; tile < tiles.count(); ++tile) {
      for (int lane = 0; lane < tiles.kWidth; ++lane) {
        const int64_t channel = tiles.start(tile) + L::element(lane);
        to_mean[channel] = mean[tile * tiles.kWidth + lane];
        to_m2[channel] = m2[tile * tiles.kWidth + lane];
      }
    }
  }

  void of(const T* x, int64_t pixels, int64_t stride) {
    start(x, pixels, stride);
    for (int64_t p = 0; p < pixels; p += kBlock) {
      const int64_t n = pixels - p < kBlock ? pixels - p : kBlock;
      add_block(x + p * stride, n, stride);
      merge_block(p, n);
    }
  }
};

TTSCALE_INLINE double as_double(float x) { return static_cast<double>(x); }
TTSCALE_INLINE double as_double(double x) { return x; }
TTSCALE_INLINE double as_double(BFloat16 x) {
  return static_cast<double>(bit_cast<float>(static_cast<uint32_t>(x.bits) << 16));
}
TTSCALE_INLINE double as_double(Half x) {
  const Half padded[4] = {x};  // NOLINT
  return static_cast<double>(load_floats<4>(padded)[0]);
}

/// Two passes over a few values.
template <typename T>
TTSCALE_INLINE Moments of_few(const T* x, int64_t n, int64_t stride) {
  Moments moments;
  moments.count = static_cast<double>(n);
  const double first = as_double(x[0]);  // around it sums of constants are exact
  for (int64_t i = 0; i < n; ++i) {
    moments.mean += as_double(x[i * stride]) - first;
  }
  moments.mean = first + moments.mean / moments.count;
  for (int64_t i = 0; i < n; ++i) {
    const double d = as_double(x[i * stride]) - moments.mean;
    moments.m2 += d * d;
  }
  return moments;
}

template <typename T>
void narrow_pixel_moments(const T* x, int64_t pixels, int64_t width, double* mean, double* m2) {
  const int64_t fold = narrow_fold(width);
  const int64_t wide = fold * width;
  const int64_t groups = pixels / fold;
  Channels<T> channels(wide);
  if (groups > 0) {
    channels.of(x, groups, wide);
  }
  for (int64_t i = 0; i < width; ++i) {
    Moments moments;
    for (int64_t channel = i; groups > 0 && channel < wide; channel += width) {
      const int64_t lane = channels.tiles.lane(channel);
      moments.add({channels.mean[lane], channels.m2[lane], static_cast<double>(groups)});
    }
    if (groups * fold < pixels) {
      moments.add(of_few(x + groups * wide + i, pixels - groups * fold, width));
    }
    mean[i] = moments.mean;
    m2[i] = moments.m2;
  }
}

template <typename T>
void pixel_moments(const void* data, int64_t pixels, int64_t stride, int64_t width, double* mean, double* m2) {
  const T* x = static_cast<const T*>(data);
  if (width < kNarrow) {
    narrow_pixel_moments(x, pixels, width, mean, m2);
    return;
  }
  Channels<T> channels(width);
  channels.of(x, pixels, stride);
  channels.write(mean, m2);
}

}  // namespace
}  // namespace ttscale::ops
