// SPDX-License-Identifier: MIT
// Random numbers that are the same on every platform: std::normal_distribution and its kind are not.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace ttscale::shift {

/// One step of splitmix64 (Steele, Lea & Flood 2014): mixes 64 bits so that neighbours have nothing in common.
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

/// xoshiro256++ (Blackman & Vigna 2021), and what images need of it.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      word = mix(seed);
      seed += 0x9e3779b97f4a7c15U;
    }
  }

  /// 64 random bits.
  std::uint64_t bits() {
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1), on a grid of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11U) * 0x1p-53; }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform in 0 .. count - 1; `count` is 1 to 2^32. Off by less than 2^-32 from exactly uniform.
  std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>(((bits() >> 32U) * static_cast<std::uint64_t>(count)) >> 32U);
  }

  /// Standard normal, by the ziggurat of Marsaglia & Tsang (2000) with independent bits for layer, sign and position.
  double normal() {
    const std::uint64_t drawn = bits();
    const std::size_t layer = drawn & 255U;
    const double x = static_cast<double>(drawn >> 11U) * 0x1p-53 * tables_->edge[layer];
    const bool inside = x < tables_->edge[layer + 1];
    const double size = inside ? x : normal_outside(layer, x);
    return kSign[(drawn >> 8U) & 1U] * size;  // a branch that is taken by chance costs more than the draw
  }

 private:
  struct Ziggurat {
    std::array<double, 257> edge;     ///< right edges of 256 layers of equal area, from the base up to 0
    std::array<double, 257> density;  ///< exp(-edge^2 / 2)
    Ziggurat();
  };

  static constexpr std::array<double, 2> kSign{1.0, -1.0};

  static const Ziggurat& ziggurat() {
    static const Ziggurat tables;
    return tables;
  }

  static constexpr std::uint64_t rotate(std::uint64_t value, unsigned by) {
    return (value << by) | (value >> (64U - by));
  }

  /// The one draw in a hundred that does not fall inside its layer's rectangle.
  double normal_outside(std::size_t layer, double x);

  std::array<std::uint64_t, 4> state_{};
  const Ziggurat* tables_ = &ziggurat();  // a static is looked up once here, not at every draw
};

}  // namespace ttscale::shift
