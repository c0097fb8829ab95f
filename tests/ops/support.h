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

/// The state of one site, nothing seen yet.
struct State {
  at::Tensor running, counters, last;
  State(std::int64_t channels, at::Device device) {
    const auto options = at::TensorOptions().dtype(at::kDouble).device(device);
    running = at::zeros({kRunningRows, channels}, options);
    counters = at::zeros({kCounters}, options);
    last = at::zeros({kLastRows, channels}, options);
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
