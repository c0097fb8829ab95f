// SPDX-License-Identifier: MIT
// The check of labels that come beside predictions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ttscale::metrics {

/// The labels of a contiguous int64 CPU tensor [count]. `user` is who asks, for the message. Throws UsageError for
/// another tensor.
const std::int64_t* labels_of(const at::Tensor& labels, std::size_t count, const std::string& user);

/// "long int [2, 3]", or "no tensor".
std::string describe(const at::Tensor& tensor);

}  // namespace ttscale::metrics
