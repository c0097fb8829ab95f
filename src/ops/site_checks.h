// SPDX-License-Identifier: MIT
// Checks that the site operators share, and the sizes of their state.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// Sizes of the state tensors of one site with C channels: running [2, C], counters [3], last [4, C]; float64, zero
/// before the first batch. stats/rules.h says what they hold.
inline constexpr std::int64_t kRunningRows = 2;
inline constexpr std::int64_t kCounters = 3;
inline constexpr std::int64_t kLastRows = 4;

/// Throws c10::Error unless `t` is [C] on the device of x [N, C, ...]. `op` and `name` are for the message.
void check_channels(const char* op, const char* name, const at::Tensor& t, const at::Tensor& x);

/// Throws c10::Error unless the state tensors have these sizes, float64, on the device of x [N, C, ...].
void check_site_state(const char* op, const at::Tensor& running, const at::Tensor& counters, const at::Tensor& last,
                      const at::Tensor& x);

}  // namespace ttscale::ops
