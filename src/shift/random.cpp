// SPDX-License-Identifier: MIT
// The rare cases of the normal distribution.
#include "shift/random.h"

namespace ttscale::shift {
namespace {

// Where the tail begins, and the area of each layer, for 256 layers (Marsaglia & Tsang 2000).
constexpr double kTail = 3.6541528853610088;
constexpr double kArea = 0.00492867323399;

double density_at(double x) { return std::exp(-0.5 * x * x); }

// Marsaglia (1964).
double draw_tail(Random& random) {
  for (;;) {
    const double beyond = -std::log(1.0 - random.uniform()) / kTail;
    const double height = -std::log(1.0 - random.uniform());
    if (2.0 * height >= beyond * beyond) {
      return kTail + beyond;
    }
  }
}

}  // namespace

Random::Ziggurat::Ziggurat() : edge{}, density{} {
  edge[0] = kArea / density_at(kTail);  // as wide as a rectangle with the area of base and tail would be
  edge[1] = kTail;
  for (std::size_t layer = 2; layer < 256; ++layer) {
    edge[layer] = std::sqrt(-2.0 * std::log(kArea / edge[layer - 1] + density_at(edge[layer - 1])));
  }
  edge[256] = 0.0;
  for (std::size_t layer = 0; layer < edge.size(); ++layer) {
    density[layer] = density_at(edge[layer]);
  }
}

double Random::normal_outside(std::size_t layer, double x) {
  const Ziggurat& tables = *tables_;
  for (;;) {
    if (layer == 0) {
      return draw_tail(*this);
    }
    const double low = tables.density[layer];
    const double high = tables.density[layer + 1];
    if (low + uniform() * (high - low) < density_at(x)) {
      return x;
    }
    const std::uint64_t drawn = bits();
    layer = drawn & 255U;
    x = static_cast<double>(drawn >> 11U) * 0x1p-53 * tables.edge[layer];
    if (x < tables.edge[layer + 1]) {
      return x;
    }
  }
}

}  // namespace ttscale::shift
