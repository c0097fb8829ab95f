// SPDX-License-Identifier: MIT
// Moments in one read. A thread takes a handful of values at a time into registers and finds their mean, and then the
// sum of their squared deviations from it, in the arithmetic of their type (float32, or float64 for float64): nothing
// large is cancelled, whatever the mean. Handfuls are added up in float64 around the mean K of the first of them: with
// D = mean - K of a handful of n values and m2 their squared deviations, the sums n D and m2 + n D^2 give
//   mean = K + sum(n D) / sum(n),   m2 = sum(m2 + n D^2) - sum(n D)^2 / sum(n).
// If K lies D from the mean of all N values, the last difference cancels N D^2, of which the first handful alone
// contributes n D^2 to the result: at most N / n float64 roundings are lost, 1e-10 of the variance for a row of 1e7
// values.
//
// Rows (or the pixels of an image) that are too long for one group of threads are cut into parts of a number that
// depends on the shape alone, and a second kernel merges these by Chan's formula (Chan, Golub, LeVeque 1979) in a fixed
// order. No atomics: the same bits at every call.
#include "ops/cuda/elements.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/launch.cuh"

namespace ttscale::ops::cuda {
namespace {

/// Enough to fill the largest of today's cards (132 multiprocessors of 64 warps); not asked of the card, so that
/// results are the same on all.
constexpr std::int64_t kWarps = 8192;
constexpr std::int64_t kBlocks = 2048;

/// Values in the registers of a thread: as many loads in flight.
template <typename T, int kWidth>
constexpr int kVectors = kWidth == 8 ? 4 : 8;
constexpr int kPixels = 8;

/// A handful of values.
struct Handful {
  double mean, m2, count;
};

/// Rounding may bring a sum of squares below 0; NaN stays NaN.
__device__ __forceinline__ double not_below_zero(double x) { return x < 0 ? 0 : x; }

/// Of the values x[0], x[kStep], ... of which those with `valid[i]` count, the first among them; `count` says how many.
/// kAll: all.
template <bool kAll, int kCount, int kStep, typename A>
__device__ __forceinline__ Handful handful_of(const A* x, const bool* valid, int count) {
  const A inverse = kAll ? A{1} / A{kCount} : A{1} / static_cast<A>(count);
  const A origin = x[0];
  A sum[2] = {};
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    sum[i % 2] += kAll || valid[i] ? x[i * kStep] - origin : A{0};
  }
  const A k = origin + (sum[0] + sum[1]) * inverse;
  A first[2] = {};
  A second[2] = {};
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const A d = kAll || valid[i] ? x[i * kStep] - k : A{0};
    first[i % 2] += d;
    second[i % 2] += d * d;
  }
  // What rounding k has left: so little that the rounding of `inverse` does not count.
  const auto rest = static_cast<double>(first[0] + first[1]);
  const double part = rest * static_cast<double>(inverse);
  return {static_cast<double>(k) + part, not_below_zero(static_cast<double>(second[0] + second[1]) - rest * part),
          kAll ? static_cast<double>(kCount) : static_cast<double>(count)};
}

/// Sums around `center`, as at the top.
struct Sums {
  double center, first = 0, second = 0;

  __device__ __forceinline__ explicit Sums(double k) : center(k) {}
  __device__ __forceinline__ void add(const Handful& h) {
    const double d = h.mean - center;
    first += h.count * d;
    second += h.m2 + h.count * d * d;
  }
};

/// Of values whose sums around `center` are `first` and `second`; `inverse` is 1 by their number. Where there is one
/// part, the variance; else m2, for merge_parts().
__device__ __forceinline__ void write(double center, double first, double second, double inverse, bool whole,
                                      double* mean, double* spread) {
  const double part = first * inverse;
  const double m2 = not_below_zero(second - first * part);
  *mean = center + part;
  *spread = whole ? m2 * inverse : m2;
}

/// Each part of a row by a group of `lanes` threads, a power of two up to 32; `inverse` is 1 / length.
/// Results [parts, rows].
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    row_moments(const T* x, std::int64_t rows, std::int64_t length, std::int64_t parts, int lanes, double inverse,
                double* mean, double* spread) {
  using A = Arithmetic<T>;
  constexpr int kLoads = kVectors<T, kWidth>;
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  const Unit unit(parts, length / kWidth, lanes);
  if (unit.row >= rows) {
    return;  // with all of its group
  }
  const unsigned group = (lanes == 32 ? ~0U : (1U << lanes) - 1U) << (threadIdx.x % 32 - static_cast<unsigned>(lane));
  const std::int64_t begin = unit.begin;
  const std::int64_t end = unit.end;
  const auto* from = reinterpret_cast<const Vector<T, kWidth>*>(x + unit.row * length);

  const auto take = [&](std::int64_t at) {
    A values[kLoads * kWidth];
    bool valid[kLoads * kWidth];
    const auto load = [&](int index, bool inside) {
      Vector<T, kWidth> vector{};
      if (inside) {
        vector = from[at + static_cast<std::int64_t>(index) * lanes];
      }
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        values[index * kWidth + j] = value_of(vector.elements[j]);
        valid[index * kWidth + j] = inside;
      }
    };
    if (at + static_cast<std::int64_t>(kLoads - 1) * lanes < end) {
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        load(i, true);
      }
      return handful_of<true, kLoads * kWidth, 1>(values, valid, kLoads * kWidth);
    }
    int count = 0;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const bool inside = at + static_cast<std::int64_t>(i) * lanes < end;
      load(i, inside);
      count += inside ? kWidth : 0;
    }
    return handful_of<false, kLoads * kWidth, 1>(values, valid, count);
  };

  std::int64_t at = begin + lane;
  Handful head{0, 0, 0};
  if (at < end) {
    head = take(at);
  }
  // No part is empty: the first lane has values.
  Sums sums(__shfl_sync(group, head.mean, 0, lanes));
  if (at < end) {
    sums.add(head);
  }
  const std::int64_t stride = static_cast<std::int64_t>(kLoads) * lanes;
  for (at += stride; at < end; at += stride) {
    sums.add(take(at));
  }
  for (int offset = lanes / 2; offset > 0; offset /= 2) {
    sums.first += __shfl_down_sync(group, sums.first, static_cast<unsigned>(offset), lanes);
    sums.second += __shfl_down_sync(group, sums.second, static_cast<unsigned>(offset), lanes);
  }
  if (lane == 0) {
    const std::int64_t to = unit.part * rows + unit.row;
    write(sums.center, sums.first, sums.second, parts == 1 ? inverse : 1 / static_cast<double>((end - begin) * kWidth),
          parts == 1, mean + to, spread + to);
  }
}

/// Each part of an image's pixels, for a tile of channels, by one block: x over vectors of channels, y over pixels;
/// `inverse` is 1 / pixels.
/// Results [parts, images, channels].
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    pixel_moments(const T* x, std::int64_t images, std::int64_t pixels, std::int64_t channels, std::int64_t parts,
                  unsigned tiles, double inverse, double* mean, double* spread) {
  using A = Arithmetic<T>;
  __shared__ double first[kThreads * kWidth];
  __shared__ double second[kThreads * kWidth];
  __shared__ double centers[kThreads * kWidth];
  const int columns = static_cast<int>(blockDim.x) * kWidth;
  const std::int64_t tile = blockIdx.x % tiles;
  const unsigned unit = blockIdx.x / tiles;
  const std::int64_t image = parts == 1 ? unit : unit / parts;
  const std::int64_t part = parts == 1 ? 0 : unit % parts;
  const std::int64_t begin = parts == 1 ? 0 : part_begin(pixels, parts, part);
  const std::int64_t end = parts == 1 ? pixels : part_begin(pixels, parts, part + 1);
  const std::int64_t stride = blockDim.y;
  const int column = static_cast<int>(threadIdx.x) * kWidth;
  const std::int64_t channel = tile * columns + column;
  const bool inside = channel < channels;  // a multiple of kWidth, as `channel` is
  const T* from = x + image * pixels * channels + channel;

  // A handful of each channel of the vector, from pixel `at` on.
  const auto take = [&](std::int64_t at, Handful* out) {
    A values[kPixels * kWidth];
    bool valid[kPixels];
    const auto load = [&](int index, bool in_part) {
      Vector<T, kWidth> vector{};
      if (in_part) {
        vector = *reinterpret_cast<const Vector<T, kWidth>*>(from + (at + index * stride) * channels);
      }
      valid[index] = in_part;
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        values[index * kWidth + j] = value_of(vector.elements[j]);
      }
    };
    if (at + (kPixels - 1) * stride < end) {
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
        load(i, true);
      }
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        out[j] = handful_of<true, kPixels, kWidth>(values + j, valid, kPixels);
      }
      return;
    }
    int count = 0;
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const bool in_part = at + i * stride < end;
      load(i, in_part);
      count += in_part ? 1 : 0;
    }
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      out[j] = handful_of<false, kPixels, kWidth>(values + j, valid, count);
    }
  };

  std::int64_t at = begin + threadIdx.y;
  Handful handfuls[kWidth] = {};
  const bool has_any = inside && at < end;
  if (has_any) {
    take(at, handfuls);
  }
  if (threadIdx.y == 0 && inside) {
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      centers[column + j] = handfuls[j].mean;  // no part is empty
    }
  }
  __syncthreads();
  double s1[kWidth] = {};
  double s2[kWidth] = {};
  if (has_any) {
    double k[kWidth];
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      k[j] = centers[column + j];
    }
    while (true) {
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        const double d = handfuls[j].mean - k[j];
        s1[j] += handfuls[j].count * d;
        s2[j] += handfuls[j].m2 + handfuls[j].count * d * d;
      }
      at += kPixels * stride;
      if (at >= end) {
        break;
      }
      take(at, handfuls);
    }
  }
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    first[static_cast<int>(threadIdx.y) * columns + column + j] = s1[j];
    second[static_cast<int>(threadIdx.y) * columns + column + j] = s2[j];
  }
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  for (int i = thread; i < columns; i += static_cast<int>(blockDim.x * blockDim.y)) {
    if (tile * columns + i >= channels) {
      continue;
    }
    double total_first = 0;
    double total_second = 0;
    for (int y = 0; y < static_cast<int>(blockDim.y); ++y) {
      total_first += first[y * columns + i];
      total_second += second[y * columns + i];
    }
    const std::int64_t to = (part * images + image) * channels + tile * columns + i;
    write(centers[i], total_first, total_second, parts == 1 ? inverse : 1 / static_cast<double>(end - begin),
          parts == 1, mean + to, spread + to);
  }
}

/// Merges a run of `count` values into one of `n`.
__device__ __forceinline__ void merge(double& mean, double& m2, double& n, double other_mean, double other_m2,
                                      double count) {
  if (count == 0) {
    return;
  }
  if (n == 0) {
    mean = other_mean;
    m2 = other_m2;
    n = count;
    return;
  }
  const double share = count / (n + count);
  const double delta = other_mean - mean;
  mean += delta * share;
  m2 += other_m2 + delta * delta * (n * share);
  n += count;
}

/// Means and m2 [parts, columns] of parts of `size` units, each of `unit` values, into means and variances [columns]: x
/// over columns, y over parts.
__global__ void __launch_bounds__(kThreads)
    merge_parts(const double* means, const double* m2s, std::int64_t columns, std::int64_t parts, std::int64_t size,
                double unit, double* mean, double* var) {
  __shared__ double shared_mean[kThreads];
  __shared__ double shared_m2[kThreads];
  __shared__ double shared_count[kThreads];
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  double m = 0;
  double m2 = 0;
  double n = 0;
  if (column < columns) {
    for (std::int64_t part = threadIdx.y; part < parts; part += blockDim.y) {
      const auto count = unit * static_cast<double>(part_begin(size, parts, part + 1) - part_begin(size, parts, part));
      merge(m, m2, n, means[part * columns + column], m2s[part * columns + column], count);
    }
  }
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
  shared_mean[thread] = m;
  shared_m2[thread] = m2;
  shared_count[thread] = n;
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      const unsigned other = thread + half * blockDim.x;
      merge(m, m2, n, shared_mean[other], shared_m2[other], shared_count[other]);
      shared_mean[thread] = m;
      shared_m2[thread] = m2;
      shared_count[thread] = n;
    }
  }
  if (threadIdx.y == 0 && column < columns) {
    mean[column] = m;
    var[column] = m2 / n;
  }
}

/// How a launch cuts the work.
struct Plan {
  int width;           ///< elements moved at once
  int x, y;            ///< threads; of rows, y is the group's size
  std::int64_t parts;  ///< of each row, or of each image's pixels
  std::int64_t size;   ///< what is cut into parts: vectors or pixels
  double unit;         ///< values in one of them
  unsigned tiles;      ///< of channels
  std::int64_t grid;
};

Plan row_plan(const Activations& x) {
  Plan plan{};
  plan.width = vector_width(x, nullptr, x.pixels);
  const int loads = plan.width == 8 ? 4 : 8;
  const std::int64_t rows = x.images * x.channels;
  plan.size = x.pixels / plan.width;
  plan.unit = plan.width;
  plan.x = kThreads;
  plan.y = power_of_two(blocks_of(plan.size, loads), 32);
  const std::int64_t most = plan.size / (32 * loads * 2);  // a group does not live for less than two rounds of loads
  const std::int64_t wanted = blocks_of(kWarps, rows);
  plan.parts = parts_of(wanted, most);
  plan.grid = blocks_of(rows * plan.parts * plan.y, kThreads);
  return plan;
}

Plan pixel_plan(const Activations& x) {
  Plan plan{};
  plan.width = vector_width(x, nullptr, x.channels);
  if (plan.width == 8) {
    plan.width = 4;  // as many values a thread as with float32
  }
  const std::int64_t vectors = x.channels / plan.width;
  const std::int64_t rounds = blocks_of(x.pixels, kPixels);
  plan.y = power_of_two(rounds, kThreads / power_of_two(vectors, 32));
  plan.x = power_of_two(vectors, kThreads / plan.y);
  plan.size = x.pixels;
  plan.unit = 1;
  const std::int64_t tiles = blocks_of(vectors, plan.x);
  plan.tiles = static_cast<unsigned>(tiles);
  const std::int64_t most = x.pixels / (kPixels * plan.y);
  const std::int64_t wanted = blocks_of(kBlocks, x.images * tiles);
  plan.parts = parts_of(wanted, most);
  plan.grid = x.images * plan.parts * tiles;
  return plan;
}

Plan plan_of(const Activations& x) { return x.channels_last ? pixel_plan(x) : row_plan(x); }

}  // namespace

std::size_t moments_scratch(const Activations& x) {
  const Plan plan = plan_of(x);
  return plan.parts == 1 ? 0 : static_cast<std::size_t>(2 * plan.parts * x.images * x.channels);
}

cudaError_t moments(const Activations& x, double* mean, double* var, double* scratch, cudaStream_t stream) {
  const Plan plan = plan_of(x);
  const std::int64_t rows = x.images * x.channels;
  double* part_mean = plan.parts == 1 ? mean : scratch;
  double* part_spread = plan.parts == 1 ? var : scratch + plan.parts * rows;
  const double inverse = 1 / static_cast<double>(x.pixels);
  const cudaError_t status = with_type(x.element, [&](auto type) {
    using T = decltype(type);
    return with_width<T>(plan.width, [&](auto width) {
      constexpr int kWidth = decltype(width)::value;
      const T* data = static_cast<const T*>(x.data);
      if constexpr (kWidth <= 4) {
        if (x.channels_last) {
          return launch(pixel_moments<T, kWidth>, plan.grid, block_of(plan.x, plan.y), stream, data, x.images, x.pixels,
                        x.channels, plan.parts, plan.tiles, inverse, part_mean, part_spread);
        }
      }
      return launch(row_moments<T, kWidth>, plan.grid, block_of(kThreads, 1), stream, data, rows, x.pixels, plan.parts,
                    plan.y, inverse, part_mean, part_spread);
    });
  });
  if (status != cudaSuccess || plan.parts == 1) {
    return status;
  }
  const int columns = power_of_two(rows, 32);
  const int lanes = power_of_two(plan.parts, kThreads / columns);
  return launch(merge_parts, blocks_of(rows, columns), block_of(columns, lanes), stream, part_mean, part_spread, rows,
                plan.parts, plan.size, plan.unit, mean, var);
}

}  // namespace ttscale::ops::cuda
