// SPDX-License-Identifier: MIT
// What the tests of the operators share: the devices at hand, the state of a site, the text of an error.
#pragma once

#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <torch/cuda.h>

#include "ops/site_checks.h"

namespace ttscale::ops {

inline std::vector<at::Device> devices() {
  std::vector<at::Device> out{at::kCPU};
  if (torch::cuda::is_available()) {
    out.emplace_back(at::kCUDA);
  }
  return out;
}

/// The state of one site under a rule, nothing seen yet; weights that a rule needs are those of a channel that shifts
/// move as much as one image differs from another.
struct State {
  at::Tensor running, counters, last, stream;
  /// `early`: with the rows that the first sites of a model may have.
  State(std::int64_t channels, at::Device device, const std::string& rule = "batch", bool early = false) {
    const stats::StateSize size = stats::state_size(parse_rule(rule));
    const auto options = at::TensorOptions().dtype(at::kDouble).device(device);
    running = at::zeros({early ? size.rows + size.early_rows : size.rows, channels}, options);
    if (stats::needs_weights(parse_rule(rule))) {
      running.narrow(0, stats::StateSize{}.rows, size.rows - stats::StateSize{}.rows).fill_(1);
    }
    counters = at::zeros({size.counters}, options);
    last = at::zeros({kLastRows, channels}, options);
    stream = at::zeros({size.stream}, options);
  }
};

/// What the call says, or "no error".
template <typename Call>
std::string torch_error(const Call& call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

}  // namespace ttscale::ops
