// SPDX-License-Identifier: MIT
// Checks that the site operators share, and the sizes of their state.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "stats/rules.h"

namespace ttscale::ops {

/// Rows of `last` (stats/rules.h says what they hold); the sizes of the other state tensors are the rule's
/// (stats::state_size()). All are float64, zero before the first batch.
inline constexpr std::int64_t kLastRows = 4;

/// Throws c10::Error unless `t` is [C] on the device of x [N, C, ...]. `op` and `name` are for the message.
void check_channels(const char* op, const char* name, const at::Tensor& t, const at::Tensor& x);

/// Throws c10::Error unless the state tensors have the sizes of the rule, float64, on the device of x [N, C, ...].
void check_site_state(const char* op, const Rule& rule, const stats::SiteState& state, const at::Tensor& x);

/// Throws c10::Error unless `stream` has the size of the rule, float64.
void check_stream_state(const char* op, const Rule& rule, const at::Tensor& stream);

}  // namespace ttscale::ops
