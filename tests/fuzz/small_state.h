// SPDX-License-Identifier: MIT
// A state and a reference of a few numbers.
#pragma once

#include <ATen/ATen.h>

#include "adapt/state_file.h"
#include "ttscale/reference.h"

namespace ttscale::fuzz {

inline StateFile small_state() {
  StateFile state;
  state.model = "0123456789abcdef";
  state.rule = "ema";
  state.sites = {"bn1", "bn2"};
  state.images = 12;
  state.state = at::arange(6, at::kDouble);
  return state;
}

inline Reference small_reference(bool weights = false) {
  Reference reference;
  reference.model = "0123456789abcdef";
  reference.preprocessing = "{}";
  reference.images = 12;
  ReferenceSite site;
  site.name = "conv1";
  site.mean = at::arange(2, at::kDouble);
  site.var = at::ones({2}, at::kDouble);
  site.eps = at::full({2}, 1e-5, at::kDouble);
  site.uncertainty = 0.01;
  if (weights) {
    site.domain_shift = at::full({2}, 0.5, at::kDouble);
    site.image_spread = at::full({2}, 2, at::kDouble);
    reference.domains = {"fog/3"};
  }
  reference.sites = {site};
  reference.input_mean = at::arange(3, at::kDouble);
  reference.input_var = at::ones({3}, at::kDouble);
  return reference;
}

}  // namespace ttscale::fuzz
