// SPDX-License-Identifier: MIT
// y = (x - center) * scale + shift in one read and one write. What `center` loses by rounding to the arithmetic of x's
// type goes into `shift`, as on the CPU. A thread computes its coefficients once and keeps them for all its elements of
// a channel.
#include "ops/cuda/elements.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/launch.cuh"

namespace ttscale::ops::cuda {
namespace {

constexpr std::int64_t kWarps = 16384;
constexpr std::int64_t kBlocks = 4096;
constexpr int kPixels = 4;

template <typename T, int kWidth>
constexpr int kVectors = kWidth == 1 ? 8 : 4;

/// A coefficient triple in the arithmetic of the kernel.
template <typename A>
struct Triple {
  A center, scale, shift;

  __device__ __forceinline__ void read(const Coefficients& k, std::int64_t i) {
    const double c = k.center[i];
    const double s = k.scale[i];
    center = static_cast<A>(c);
    scale = static_cast<A>(s);
    shift = static_cast<A>(k.shift[i] - (c - static_cast<double>(center)) * s);
  }
  __device__ __forceinline__ A of(A x) const { return (x - center) * scale + shift; }
};

/// Each part of a row by a group of `lanes` threads, a power of two up to 32.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    row_affine(const T* x, T* y, std::int64_t rows, std::int64_t channels, std::int64_t length, std::int64_t parts,
               int lanes, Coefficients k) {
  constexpr int kLoads = kVectors<T, kWidth>;
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  const Unit unit(parts, length / kWidth, lanes);
  const std::int64_t row = unit.row;
  if (row >= rows) {
    return;
  }
  const std::int64_t end = unit.end;
  const auto* from = reinterpret_cast<const Vector<T, kWidth>*>(x + row * length);
  auto* to = reinterpret_cast<Vector<T, kWidth>*>(y + row * length);
  Triple<Arithmetic<T>> triple;
  triple.read(k, k.per_image ? row : row % channels);
  for (std::int64_t at = unit.begin + lane; at < end; at += static_cast<std::int64_t>(kLoads) * lanes) {
    Vector<T, kWidth> values[kLoads];
#pragma unroll
    for (int load = 0; load < kLoads; ++load) {
      const std::int64_t i = at + static_cast<std::int64_t>(load) * lanes;
      if (i < end) {
        values[load] = from[i];
      }
    }
#pragma unroll
    for (int load = 0; load < kLoads; ++load) {
      const std::int64_t i = at + static_cast<std::int64_t>(load) * lanes;
      if (i < end) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          values[load].elements[j] = element_of<T>(triple.of(value_of(values[load].elements[j])));
        }
        to[i] = values[load];
      }
    }
  }
}

/// Each part of a run of pixels with the same coefficients, for a tile of channels, by one block: x over vectors of
/// channels, y over pixels.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads) pixel_affine(const T* x, T* y, std::int64_t channels, std::int64_t length,
                                                         std::int64_t parts, unsigned tiles, Coefficients k) {
  const std::int64_t columns = static_cast<std::int64_t>(blockDim.x) * kWidth;
  const std::int64_t tile = blockIdx.x % tiles;
  const unsigned unit = blockIdx.x / tiles;
  const std::int64_t run = parts == 1 ? unit : unit / parts;
  const std::int64_t part = parts == 1 ? 0 : unit % parts;
  const std::int64_t channel = tile * columns + static_cast<std::int64_t>(threadIdx.x) * kWidth;
  if (channel >= channels) {
    return;
  }
  Triple<Arithmetic<T>> triples[kWidth];
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    triples[j].read(k, run * channels + channel + j);
  }
  const std::int64_t start = run * length * channels + channel;
  const std::int64_t end = part_begin(length, parts, part + 1);
  const std::int64_t stride = blockDim.y;
  for (std::int64_t at = part_begin(length, parts, part) + threadIdx.y; at < end; at += kPixels * stride) {
    Vector<T, kWidth> values[kPixels];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (at + i * stride < end) {
        values[i] = *reinterpret_cast<const Vector<T, kWidth>*>(x + start + (at + i * stride) * channels);
      }
    }
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (at + i * stride < end) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          values[i].elements[j] = element_of<T>(triples[j].of(value_of(values[i].elements[j])));
        }
        *reinterpret_cast<Vector<T, kWidth>*>(y + start + (at + i * stride) * channels) = values[i];
      }
    }
  }
}

}  // namespace

cudaError_t affine(const Activations& x, const Coefficients& k, void* y, cudaStream_t stream) {
  const int width = vector_width(x, y, x.channels_last ? x.channels : x.pixels);
  return with_type(x.element, [&](auto type) {
    using T = decltype(type);
    return with_width<T>(width, [&](auto constant) {
      constexpr int kWidth = decltype(constant)::value;
      const T* from = static_cast<const T*>(x.data);
      T* to = static_cast<T*>(y);
      if (x.channels_last) {
        // Coefficients of a channel hold for all images as for one with their pixels.
        const std::int64_t runs = k.per_image ? x.images : 1;
        const std::int64_t length = x.images * x.pixels / runs;
        const std::int64_t vectors = x.channels / kWidth;
        const int rows = power_of_two(blocks_of(length, kPixels), kThreads / power_of_two(vectors, 32));
        const int columns = power_of_two(vectors, kThreads / rows);
        const std::int64_t tiles = blocks_of(vectors, columns);
        // Two rounds of pixels at least: a thread's coefficients take as long to make as one.
        const std::int64_t most = length / (2 * kPixels * rows);
        const std::int64_t wanted = blocks_of(kBlocks, runs * tiles);
        const std::int64_t parts = parts_of(wanted, most);
        return launch(pixel_affine<T, kWidth>, runs * parts * tiles, block_of(columns, rows), stream, from, to,
                      x.channels, length, parts, static_cast<unsigned>(tiles), k);
      }
      const std::int64_t rows = x.images * x.channels;
      const std::int64_t vectors = x.pixels / kWidth;
      const int loads = kVectors<T, kWidth>;
      const int lanes = power_of_two(blocks_of(vectors, loads), 32);
      const std::int64_t most = vectors / (static_cast<std::int64_t>(loads) * lanes);
      const std::int64_t wanted = blocks_of(kWarps, rows);
      const std::int64_t parts = parts_of(wanted, most);
      return launch(row_affine<T, kWidth>, blocks_of(rows * parts * lanes, kThreads), block_of(kThreads, 1), stream,
                    from, to, rows, x.channels, x.pixels, parts, lanes, k);
    });
  });
}

}  // namespace ttscale::ops::cuda
