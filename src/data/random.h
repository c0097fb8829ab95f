// SPDX-License-Identifier: MIT
// Draws that are the same on every platform: those of <random> are each standard library's own.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace ttscale::data {

/// A number below `bound`, each with the same chance: draws from the incomplete last block are drawn again.
inline std::uint64_t draw_below(std::uint64_t bound, std::mt19937_64& engine) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t usable = kMax - kMax % bound;
  std::uint64_t draw = engine();
  while (draw >= usable) {
    draw = engine();
  }
  return draw % bound;
}

/// A number in (0, 1), 53 bits.
inline double draw_unit(std::mt19937_64& engine) {
  constexpr int kDropped = 11;
  constexpr double kStep = 1.0 / 9007199254740992.0;
  return (static_cast<double>(engine() >> kDropped) + 0.5) * kStep;
}

/// Fisher-Yates from the last element down.
template <typename T>
void shuffle(std::vector<T>& values, std::mt19937_64& engine) {
  for (std::size_t left = values.size(); left > 1; --left) {
    std::swap(values[left - 1], values[draw_below(left, engine)]);
  }
}

}  // namespace ttscale::data
