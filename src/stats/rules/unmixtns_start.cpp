// SPDX-License-Identifier: MIT
// A counter-based generator in integer tensor arithmetic, and Box and Muller's normal numbers from it.
#include "stats/rules/unmixtns_start.h"

#include <ATen/ATen.h>

#include <array>

namespace ttscale::stats {
namespace {

/// 2^31 - 1, a prime: products of two residues stay within int64.
constexpr std::int64_t kPrime = 2147483647;

/// One round: a quadratic map of the state with the next word of the counter. Residues in, residues out.
at::Tensor mixed(const at::Tensor& state, const at::Tensor& word, std::int64_t multiplier) {
  const at::Tensor sum = (state + word).remainder(kPrime);
  return (sum * sum + sum * multiplier + 12345).remainder(kPrime);
}

/// Numbers in (0, 1), [K, C].
at::Tensor uniform(const at::Tensor& component, const at::Tensor& channel, const at::Tensor& site, std::int64_t which) {
  constexpr std::array<std::int64_t, 3> kMultipliers{48271, 69621, 1226874159};
  at::Tensor state = at::full({1, 1}, 1 + which, component.options());
  // Each word twice: after the second pass every one has gone through several rounds.
  for (int pass = 0; pass < 2; ++pass) {
    state = mixed(state, site * 7919 + 1, kMultipliers[0]);
    state = mixed(state, channel * 104729 + 1, kMultipliers[1]);
    state = mixed(state, component * 1299709 + 1, kMultipliers[2]);
  }
  return (state.to(at::kDouble) + 0.5) / static_cast<double>(kPrime);
}

}  // namespace

at::Tensor normal_draws(std::int64_t components, std::int64_t channels, const at::Tensor& site) {
  constexpr double kTwoPi = 6.283185307179586;
  const auto options = site.options().dtype(at::kLong);
  const at::Tensor component = at::arange(components, options).view({-1, 1});
  const at::Tensor channel = at::arange(channels, options).view({1, -1});
  const at::Tensor index = site.to(at::kLong).remainder(kPrime / 7920);
  const at::Tensor radius = (-2 * uniform(component, channel, index, 0).log()).sqrt();
  return radius * (kTwoPi * uniform(component, channel, index, 1)).cos();
}

at::Tensor standardized(const at::Tensor& draws) {
  const at::Tensor centred = draws - draws.mean(0);
  const at::Tensor std = centred.square().mean(0).sqrt();
  return centred / at::where(std > 0, std, at::ones({}, std.options()));
}

}  // namespace ttscale::stats
