// SPDX-License-Identifier: MIT
// Elements of activations in a kernel: loads and stores of several at once, and the arithmetic of their type.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "ops/cuda/kernels.h"
#include "ops/cuda/launch.cuh"

namespace ttscale::ops::cuda {

constexpr int kThreads = 256;

/// float64 for float64, else float32.
template <typename T>
using Arithmetic = std::conditional_t<std::is_same_v<T, double>, double, float>;

__device__ __forceinline__ float value_of(float x) { return x; }
__device__ __forceinline__ double value_of(double x) { return x; }
__device__ __forceinline__ float value_of(__half x) { return __half2float(x); }
__device__ __forceinline__ float value_of(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ __forceinline__ T element_of(Arithmetic<T> x) {
  if constexpr (std::is_same_v<T, __half>) {
    return __float2half_rn(x);
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __float2bfloat16_rn(x);
  } else {
    return x;
  }
}

/// kWidth neighbours in memory, moved by one instruction.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Vector {
  T elements[kWidth];
};

/// How many elements are moved at once: the most, up to 16 bytes, that divide both the length of what is contiguous and
/// the address. Only the widths that kernels are compiled for.
inline int vector_width(const Activations& x, const void* other, std::int64_t contiguous) {
  const std::int64_t size = x.element == Element::kDouble ? 8 : x.element == Element::kFloat ? 4 : 2;
  for (const std::int64_t bytes : {16, 8}) {
    const std::int64_t width = bytes / size;
    const auto aligned = [&](const void* p) {
      return reinterpret_cast<std::uintptr_t>(p) % static_cast<std::uintptr_t>(bytes) == 0;
    };
    if ((width == 2 || width == 4 || width == 8) && !(size == 4 && width == 2) && contiguous % width == 0 &&
        aligned(x.data) && aligned(other)) {
      return static_cast<int>(width);
    }
  }
  return 1;
}

/// The least power of two that is not below n > 0, but at most `most` (a power of two).
inline int power_of_two(std::int64_t n, int most) {
  int power = 1;
  while (power < n && power < most) {
    power *= 2;
  }
  return power;
}

inline dim3 block_of(int x, int y) { return {static_cast<unsigned>(x), static_cast<unsigned>(y), 1}; }

inline std::int64_t blocks_of(std::int64_t n, std::int64_t each) { return (n + each - 1) / each; }

/// How many parts to cut something into: as many as wanted, but no more than `most`.
inline std::int64_t parts_of(std::int64_t wanted, std::int64_t most) {
  const std::int64_t parts = wanted < most ? wanted : most;
  return parts < 1 ? 1 : parts;
}

/// Part `i` of `count` nearly equal parts of `size`: where it begins. Part `count` begins at the end.
__host__ __device__ __forceinline__ std::int64_t part_begin(std::int64_t size, std::int64_t count, std::int64_t i) {
  const std::int64_t rest = size % count;
  return size / count * i + (i < rest ? i : rest);
}

/// What a group of `lanes` threads, a power of two, takes of rows that are cut into parts: a row, a part of it and
/// which vectors. Beyond the last row there is nothing to do. Divisions are slow, and rows are seldom cut.
struct Unit {
  std::int64_t row, part, begin, end;

  __device__ __forceinline__ Unit(std::int64_t parts, std::int64_t vectors, int lanes) {
    const auto groups = static_cast<unsigned>(kThreads) / static_cast<unsigned>(lanes);
    const std::int64_t unit =
        static_cast<std::int64_t>(blockIdx.x) * groups + threadIdx.x / static_cast<unsigned>(lanes);
    row = unit;
    part = 0;
    begin = 0;
    end = vectors;
    if (parts > 1) {
      row = unit / parts;
      part = unit % parts;
      begin = part_begin(vectors, parts, part);
      end = part_begin(vectors, parts, part + 1);
    }
  }
};

/// Calls call(T{}) with the type of the elements.
template <typename Call>
cudaError_t with_type(Element element, const Call& call) {
  switch (element) {
    case Element::kDouble:
      return call(double{});
    case Element::kHalf:
      return call(__half{});
    case Element::kBFloat16:
      return call(__nv_bfloat16{});
    default:
      return call(float{});
  }
}

/// Calls call(std::integral_constant<int, width>) for a width of vector_width().
template <typename T, typename Call>
cudaError_t with_width(int width, const Call& call) {
  if constexpr (sizeof(T) == 2) {
    if (width == 8) {
      return call(std::integral_constant<int, 8>{});
    }
  }
  if constexpr (sizeof(T) <= 4) {
    if (width == 4) {
      return call(std::integral_constant<int, 4>{});
    }
  }
  if constexpr (sizeof(T) == 8) {
    if (width == 2) {
      return call(std::integral_constant<int, 2>{});
    }
  }
  return call(std::integral_constant<int, 1>{});
}

}  // namespace ttscale::ops::cuda
