// SPDX-License-Identifier: MIT
#include "ops/fused.h"

#include "ops/epilogue.h"
#include "ops/norm.h"
#include "ops/prologue.h"
#include "ops/restandardize.h"
#include "ops/site_step.h"
#include "stats/rules.h"

namespace ttscale::ops {
namespace {

Epilogue epilogue(const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                  bool in_place, bool overwrites_residual, bool keeps_dtype) {
  return {residual.value_or(at::Tensor()), parse_activation(activation, a, b), in_place, keeps_dtype,
          overwrites_residual};
}

Prologue prologue(const c10::optional<at::Tensor>& center, const c10::optional<at::Tensor>& scale,
                  const c10::optional<at::Tensor>& shift, const std::string& activation, double a, double b) {
  if (!center || !scale || !shift) {
    return {};
  }
  return {{*center, *scale, *shift}, parse_activation(activation, a, b)};
}

using MaybePacked = c10::optional<c10::intrusive_ptr<PackedConvolution>>;

/// Whether nothing of the activations matters but their moments: `source` takes none and passes them on as they are.
bool measures_moments_alone(const Rule& rule) {
  return !stats::needs_medians(rule) && !std::holds_alternative<rule::Source>(rule);
}

/// Whether the convolution need not be done here but for its moments.
bool may_be_missing(std::int64_t defers, const Prologue& before, const at::Tensor& x, const PackedConvolution& packed,
                    const std::string& rule) {
  return defers == static_cast<std::int64_t>(Defers::kConvolution) && before.does_nothing() && packed.saves_memory(x) &&
         measures_moments_alone(parsed_rule(rule));
}

Measured convolved(const at::Tensor& x, PackedConvolution& packed, const Prologue& before,
                   const MaybePacked& expansion) {
  return expansion && !before.does_nothing() ? packed.expand_and_forward(**expansion, x, before)
                                             : packed.forward_measured(x, before);
}

/// x with all that is still to be done to it.
at::Tensor completed(const at::Tensor& x, const Prologue& before, const MaybePacked& expansion) {
  const bool missing = expansion && !before.does_nothing() && (*expansion)->takes(x);
  return done(before, missing ? (*expansion)->forward(x) : x);
}

Unfinished finished(at::Tensor y) { return {std::move(y), c10::nullopt, c10::nullopt, c10::nullopt}; }

Unfinished unfinished(const at::Tensor& y, const Coefficients& k) { return {y, k.center, k.scale, k.shift}; }

}  // namespace

at::Tensor fused_norm(at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                      at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                      const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                      bool in_place, bool keeps_dtype) {
  return norm_then({x, {}, {}}, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream,
                   epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

at::Tensor fused_restandardize(at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const std::string& rule, at::Tensor& running,
                               at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                               const c10::optional<at::Tensor>& residual, const std::string& activation, double a,
                               double b, bool in_place, bool keeps_dtype) {
  return restandardize_then({x, {}, {}}, source_mean, source_var, eps, rule, running, counters, last, stream,
                            epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

Unfinished convolution_norm(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                            const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                            const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                            const std::string& rule, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                            at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                            const std::string& activation, double a, double b, bool overwrites_residual,
                            bool keeps_dtype, const c10::optional<at::Tensor>& center,
                            const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                            const std::string& before_activation, double before_a, double before_b,
                            const MaybePacked& expansion, std::int64_t defers) {
  const Epilogue then = epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype);
  const Prologue before = prologue(center, scale, shift, before_activation, before_a, before_b);
  const auto ahead = norm_ahead(x.dim() > 0 ? x.size(0) : 0, weight, bias, source_mean, source_var, eps, rule, running,
                                counters, last, stream);
  if (ahead) {
    return finished(packed->forward_then(completed(x, before, expansion), *ahead, then));
  }
  const bool without = may_be_missing(defers, before, x, *packed, rule);
  const Measured y = without ? packed->measure(x) : convolved(x, *packed, before, expansion);
  if (defers != static_cast<std::int64_t>(Defers::kNothing) && y.x.numel() > 0) {
    return unfinished(without ? x : y.x,
                      norm_step(y, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream));
  }
  return finished(
      norm_then(y, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream, then));
}

Unfinished convolution_restandardize(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                                     const at::Tensor& source_mean, const at::Tensor& source_var, const at::Tensor& eps,
                                     const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                     at::Tensor& last, at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                                     const std::string& activation, double a, double b, bool overwrites_residual,
                                     bool keeps_dtype, const c10::optional<at::Tensor>& center,
                                     const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                                     const std::string& before_activation, double before_a, double before_b,
                                     const MaybePacked& expansion, std::int64_t defers) {
  const Epilogue then = epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype);
  const Prologue before = prologue(center, scale, shift, before_activation, before_a, before_b);
  const auto ahead = restandardize_ahead(x.dim() > 0 ? x.size(0) : 0, source_mean, source_var, eps, rule, running,
                                         counters, last, stream);
  if (ahead) {
    return finished(packed->forward_then(completed(x, before, expansion), *ahead, then));
  }
  const bool without = may_be_missing(defers, before, x, *packed, rule);
  const Measured y = without ? packed->measure(x) : convolved(x, *packed, before, expansion);
  if (defers == static_cast<std::int64_t>(Defers::kNothing)) {
    return finished(restandardize_then(y, source_mean, source_var, eps, rule, running, counters, last, stream, then));
  }
  const auto k = restandardize_step(y, source_mean, source_var, eps, rule, running, counters, last, stream);
  return k ? unfinished(without ? x : y.x, *k) : finished(epilogue_in_tensors(y.x, then));
}

}  // namespace ttscale::ops
