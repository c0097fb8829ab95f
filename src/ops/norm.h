// SPDX-License-Identifier: MIT
// The site operator ttscale::norm: BatchNorm whose statistics follow a rule. It replaces aten::batch_norm in a
// rewritten graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include "ops/epilogue.h"
#include "ops/measured.h"

namespace ttscale::ops {

/// Qualified name of the operator in graphs and in Python (torch.ops.ttscale.norm).
inline constexpr const char* kNormOperator = "ttscale::norm";

/// Positions of its arguments.
enum NormInput : std::size_t {
  kNormX = 0,
  kNormWeight,
  kNormBias,
  kNormSourceMean,
  kNormSourceVar,
  kNormEps,
  kNormRule,
  kNormRunning,
  kNormCounters,
  kNormLast,
  kNormStream,
  kNormInputs  ///< how many
};

/// Normalises x [N, C, ...] with the moments that `rule` (its text) gives, and advances the state tensors
/// (ops/site_checks.h) in place. Source is bit-equal to aten::batch_norm in eval mode. weight and bias [C] may be
/// absent. An empty x gives an empty result and leaves the state alone. Throws c10::Error for shapes, dtypes, devices
/// or layouts that do not fit, UsageError for an unknown rule.
at::Tensor norm(const at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream);

/// activation(norm(...) + residual): what ttscale::fused_norm does. Under `source` it is equal to the operators one
/// after the other to rounding only.
at::Tensor norm_then(const Measured& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                     const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                     at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                     const Epilogue& epilogue);

/// All of norm() but the pass that normalises x, which is not empty: the coefficients of that, [C] or [N, C].
Coefficients norm_step(const Measured& x, const c10::optional<at::Tensor>& weight,
                       const c10::optional<at::Tensor>& bias, const at::Tensor& source_mean,
                       const at::Tensor& source_var, double eps, const std::string& rule, at::Tensor& running,
                       at::Tensor& counters, at::Tensor& last, at::Tensor& stream);

/// What norm() will do to the next `images` images, [C], where that is known without them; they then count as offered.
/// None where they have to be measured: only rules that sample (stats/sampling.h) ever leave images out.
c10::optional<Coefficients> norm_ahead(std::int64_t images, const c10::optional<at::Tensor>& weight,
                                       const c10::optional<at::Tensor>& bias, const at::Tensor& source_mean,
                                       const at::Tensor& source_var, double eps, const std::string& rule,
                                       at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream);

/// Shapes only, for meta tensors.
at::Tensor norm_meta(const at::Tensor& x, const c10::optional<at::Tensor>& weight,
                     const c10::optional<at::Tensor>& bias, const at::Tensor& source_mean, const at::Tensor& source_var,
                     double eps, const std::string& rule, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                     at::Tensor& stream);

/// Does nothing; a call keeps the operators' registration in a statically linked program.
void link_operators();

}  // namespace ttscale::ops
