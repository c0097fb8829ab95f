// SPDX-License-Identifier: MIT
// The operators ttscale::begin and ttscale::finish: the first and the last node of a rewritten graph. Between them the
// sites of one forward share the numbers of the stream; finish adds what the scores say. They travel in saved archives,
// so that a rule that needs them adapts alike in C++ and in Python.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// Qualified names in graphs and in Python.
inline constexpr const char* kBeginOperator = "ttscale::begin";
inline constexpr const char* kFinishOperator = "ttscale::finish";

/// Starts a forward: stats::begin(). `classes` says whether a finish() follows. Throws c10::Error if `stream` does not
/// have the size of the rule, UsageError for an unknown rule.
void begin(at::Tensor& stream, const std::string& rule, bool classes);

/// Ends a forward: stats::finish() with scores [N, K]; an output of any other shape tells nothing about classes.
/// Returns the scores themselves. Throws as begin() does, and c10::Error if scores and stream are on two devices.
at::Tensor finish(const at::Tensor& scores, at::Tensor& stream, const std::string& rule);

/// Nothing is counted for meta tensors.
void begin_meta(at::Tensor& stream, const std::string& rule, bool classes);
at::Tensor finish_meta(const at::Tensor& scores, at::Tensor& stream, const std::string& rule);

}  // namespace ttscale::ops
