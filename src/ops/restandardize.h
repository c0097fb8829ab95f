// SPDX-License-Identifier: MIT
// The site operator ttscale::restandardize: features of any layer brought back to the moments they have on clean
// images. In a rewritten graph it follows the node whose output it takes.
#pragma once

#include <cstddef>
#include <string>

#include <ATen/core/Tensor.h>

#include "ops/epilogue.h"
#include "ops/measured.h"

namespace ttscale::ops {

/// Qualified name of the operator in graphs and in Python (torch.ops.ttscale.restandardize).
inline constexpr const char* kRestandardizeOperator = "ttscale::restandardize";

/// Positions of its arguments.
enum RestandardizeInput : std::size_t {
  kRestandardizeX = 0,
  kRestandardizeSourceMean,
  kRestandardizeSourceVar,
  kRestandardizeEps,
  kRestandardizeRule,
  kRestandardizeRunning,
  kRestandardizeCounters,
  kRestandardizeLast,
  kRestandardizeStream,
  kRestandardizeInputs  ///< how many
};

/// y = (x - m) sqrt((source_var + eps) / (v + eps)) + source_mean for x [N, C, ...], where (m, v) is what `rule` (its
/// text) makes of the reference moments source_mean, source_var [C] (float64) and of the batch's. For the output of a
/// convolution into which BatchNorm was folded this is that BatchNorm under the same rule: with a = weight /
/// sqrt(running_var + bn_eps), the reference is (bias, a^2 running_var) and eps [C] (float64) is a^2 bn_eps. State
/// tensors as for ttscale::norm; they are advanced in place. A channel without variance in the reference passes
/// through. Under `source` and for an empty x the result is x itself. A tensor in mkldnn layout is taken and given back
/// in it. Throws c10::Error for shapes, dtypes, devices or layouts that do not fit, UsageError for an unknown rule and
/// for one that sets an eps of its own, which is in units of the BatchNorm that is no more.
at::Tensor restandardize(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                         const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                         at::Tensor& last, at::Tensor& stream);

/// activation(restandardize(...) + residual): what ttscale::fused_restandardize does.
at::Tensor restandardize_then(const Measured& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                              const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                              at::Tensor& last, at::Tensor& stream, const Epilogue& epilogue);

/// As norm_step() (ops/norm.h); none where x stays as it is.
c10::optional<Coefficients> restandardize_step(const Measured& x, const at::Tensor& source_mean,
                                               const at::Tensor& source_var, const at::Tensor& eps,
                                               const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                               at::Tensor& last, at::Tensor& stream);

/// As norm_ahead() (ops/norm.h).
c10::optional<Coefficients> restandardize_ahead(std::int64_t images, const at::Tensor& source_mean,
                                                const at::Tensor& source_var, const at::Tensor& eps,
                                                const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                                at::Tensor& last, at::Tensor& stream);

/// Shapes only, for meta tensors.
at::Tensor restandardize_meta(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                              const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                              at::Tensor& last, at::Tensor& stream);

}  // namespace ttscale::ops
