// SPDX-License-Identifier: MIT
// The operators ttscale::fused_norm and ttscale::fused_restandardize, a site together with what follows it in the
// graph, and ttscale::convolution_norm and ttscale::convolution_restandardize, with the convolution before it as well.
// Graphs that run have them (graph/optimize.h); archives hold the plain operators.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include "ops/packed_convolution.h"

namespace ttscale::ops {

/// Qualified names in graphs.
inline constexpr const char* kFusedNormOperator = "ttscale::fused_norm";
inline constexpr const char* kFusedRestandardizeOperator = "ttscale::fused_restandardize";

/// activation(norm(...) + residual): the arguments of ttscale::norm, then the residual or None, the activation with its
/// numbers (ops/epilogue.h), whether x may be overwritten by the result, and whether the result keeps x's
/// dtype (Epilogue). Throws as norm() and affine_then() do.
at::Tensor fused_norm(at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                      at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                      const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                      bool in_place, bool keeps_dtype);

/// The same of ttscale::restandardize.
at::Tensor fused_restandardize(at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const std::string& rule, at::Tensor& running,
                               at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                               const c10::optional<at::Tensor>& residual, const std::string& activation, double a,
                               double b, bool in_place, bool keeps_dtype);

/// Qualified names in graphs.
inline constexpr const char* kConvolutionNormOperator = "ttscale::convolution_norm";
inline constexpr const char* kConvolutionRestandardizeOperator = "ttscale::convolution_restandardize";

/// What a joined site may leave to the convolution that takes its output first.
enum class Defers : std::int64_t {
  kNothing,
  kNormalisation,  ///< y is the convolution's output, to be normalised
  kConvolution     ///< y may also be x, to be convolved and normalised
};

/// y, the center, scale and shift [C] or [N, C] with which it is still to be normalised, where it is, and x, where this
/// site was to finish it.
using Unfinished = std::tuple<at::Tensor, c10::optional<at::Tensor>, c10::optional<at::Tensor>,
                              c10::optional<at::Tensor>, c10::optional<at::Tensor>>;

/// fused_norm(convolution(x, packed), ...). Where the rule measures none of these images and weights can be packed, the
/// convolution does all of it (PackedConvolution::forward_then()). The result may lie in the residual if
/// `overwrites_residual` is set. If `center`, `scale` and `shift` are there, x is an unfinished result of a site
/// before, whose activation is `before_activation`, whose residual, if it has one, `before_residual`, and whose
/// convolution, if that can be missing, `expansion`; it is nobody else's, and may be overwritten. If `finishes` is set,
/// others take it after this site, and it comes back as it is when finished. What this site leaves unfinished itself is
/// bounded by `defers` (Defers). Throws as norm() and affine_then() do, and c10::Error for some of the three
/// coefficients, or another number than those of Defers.
Unfinished convolution_norm(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                            const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                            const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                            const std::string& rule, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                            at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                            const std::string& activation, double a, double b, bool overwrites_residual,
                            bool keeps_dtype, const c10::optional<at::Tensor>& center,
                            const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                            const std::string& before_activation, double before_a, double before_b,
                            const c10::optional<c10::intrusive_ptr<PackedConvolution>>& expansion,
                            const c10::optional<at::Tensor>& before_residual, bool finishes, std::int64_t defers);

/// The same of ttscale::restandardize.
Unfinished convolution_restandardize(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                                     const at::Tensor& source_mean, const at::Tensor& source_var, const at::Tensor& eps,
                                     const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                     at::Tensor& last, at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                                     const std::string& activation, double a, double b, bool overwrites_residual,
                                     bool keeps_dtype, const c10::optional<at::Tensor>& center,
                                     const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                                     const std::string& before_activation, double before_a, double before_b,
                                     const c10::optional<c10::intrusive_ptr<PackedConvolution>>& expansion,
                                     const c10::optional<at::Tensor>& before_residual, bool finishes,
                                     std::int64_t defers);

}  // namespace ttscale::ops
