// SPDX-License-Identifier: MIT
// Random numbers for the start of unmixtns: the same for the same place, in every run and on every device.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::stats {

/// Standard normal numbers [K, C], float64, on the device of `site` ([]: a whole number from 0 on, which tells sites
/// apart). They are a function of component, channel and site; devices may differ in the last digits.
at::Tensor normal_draws(std::int64_t components, std::int64_t channels, const at::Tensor& site);

/// The draws with mean 0 and biased variance 1 over the components [K] of each channel; of one component, 0.
at::Tensor standardized(const at::Tensor& draws);

}  // namespace ttscale::stats
