// SPDX-License-Identifier: MIT
// What the tests of emulated kernels share: shapes, and activations in every type and layout with their values.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <ostream>
#include <random>
#include <vector>

#include "ops/cuda/elements.cuh"
#include "ops/cuda/kernels.h"

namespace ttscale::ops::cuda {

struct Shape {
  std::int64_t images, channels, pixels;
};

inline void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.images << " x " << shape.channels << " x " << shape.pixels;
}

/// Around the widths of loads, groups of threads, tiles of channels and parts of rows.
inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{1, 1, 1},    {1, 1, 3},      {1, 2, 2},     {3, 8, 1},     {5, 515, 1},
                                      {300, 7, 4},  {2, 3, 35},     {2, 64, 33},   {2, 256, 64},  {2, 12, 196},
                                      {3, 130, 81}, {2, 257, 49},   {1, 32, 784},  {4, 16, 1024}, {1, 64, 3136},
                                      {1, 5, 8190}, {1, 16, 12544}, {1, 3, 20000}, {1, 8, 40000}, {1, 1, 70000}};
  return all;
}

/// Activations of one type and layout, whose memory begins `offset` elements beyond an alignment of 16 bytes.
template <typename T>
class Batch {
 public:
  Batch(const Shape& shape, bool channels_last, std::size_t offset)
      : shape_(shape), channels_last_(channels_last), memory_(size() + 2 * kMargin + offset) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + kMargin / 2);
    first_ = kMargin / 2 + (16 - address % 16) % 16 / sizeof(T) + offset;
  }

  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(shape_.images * shape_.channels * shape_.pixels);
  }
  T* data() { return memory_.data() + first_; }
  T& at(std::int64_t image, std::int64_t channel, std::int64_t pixel) {
    return data()[channels_last_ ? (image * shape_.pixels + pixel) * shape_.channels + channel
                                 : (image * shape_.channels + channel) * shape_.pixels + pixel];
  }
  double value(std::int64_t image, std::int64_t channel, std::int64_t pixel) {
    return static_cast<double>(value_of(at(image, channel, pixel)));
  }
  void fill(T value) { std::fill(memory_.begin(), memory_.end(), value); }
  void draw(double mean, double spread) {
    std::mt19937_64 generator(7);
    std::normal_distribution<double> normal(mean, spread);
    for (std::size_t i = 0; i < size(); ++i) {
      data()[i] = element_of<T>(static_cast<Arithmetic<T>>(normal(generator)));
    }
  }
  /// Whether what lies around the activations still has this value.
  bool surroundings_are(T value) {
    const auto same = [&](std::size_t i) {
      return static_cast<double>(value_of(memory_[i])) == static_cast<double>(value_of(value));
    };
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if ((i < first_ || i >= first_ + size()) && !same(i)) {
        return false;
      }
    }
    return true;
  }
  Activations activations() {
    constexpr Element element = std::is_same_v<T, double>   ? Element::kDouble
                                : std::is_same_v<T, __half> ? Element::kHalf
                                : std::is_same_v<T, float>  ? Element::kFloat
                                                            : Element::kBFloat16;
    return {data(), element, channels_last_, shape_.images, shape_.channels, shape_.pixels};
  }

 private:
  static constexpr std::size_t kMargin = 32;
  Shape shape_;
  bool channels_last_;
  std::vector<T> memory_;
  std::size_t first_ = 0;
};

using ElementTypes = ::testing::Types<float, double, __half, __nv_bfloat16>;

}  // namespace ttscale::ops::cuda
