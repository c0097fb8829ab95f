// SPDX-License-Identifier: MIT
// ttscale::norm: moments, rule, apply.
#include "ops/norm.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include "ops/coefficients.h"
#include "ops/epilogue.h"
#include "ops/layout.h"
#include "ops/site_checks.h"
#include "ops/site_step.h"
#include "stats/rules.h"
#include "stats/sampling.h"

namespace ttscale::ops {
namespace {

using MaybeTensor = c10::optional<at::Tensor>;

/// LibTorch 1.13 has no batch_norm for float16 on the CPU; then source goes through our own kernel.
bool aten_can(const at::Tensor& x) { return TORCH_VERSION_MAJOR >= 2 || !x.is_cpu() || x.scalar_type() != at::kHalf; }

const Rule& check(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias,
                  const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule_text,
                  const stats::SiteState& state) {
  check_activation(kNormOperator, x);
  TORCH_CHECK(eps >= 0, "ttscale::norm: expected eps >= 0, found ", eps);
  check_channels(kNormOperator, "source_mean", source_mean, x);
  check_channels(kNormOperator, "source_var", source_var, x);
  if (weight && weight->defined()) {
    check_channels(kNormOperator, "weight", *weight, x);
  }
  if (bias && bias->defined()) {
    check_channels(kNormOperator, "bias", *bias, x);
  }
  const Rule& rule = parsed_rule(rule_text);
  check_site_state(kNormOperator, rule, state, x);
  return rule;
}

/// Advances the state of a site whose x is not empty.
Coefficients coefficients_of(const Rule& rule, const Measured& x, const MaybeTensor& weight, const MaybeTensor& bias,
                             const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                             stats::SiteState& state) {
  const stats::Moments source{source_mean.detach().to(at::kDouble), source_var.detach().to(at::kDouble)};
  if (std::holds_alternative<rule::Source>(rule)) {  // the activations are not read for statistics
    count_images(x.x, state);
    return norm_coefficients(source, weight, bias, eps);
  }
  const double used_eps = stats::eps_override(rule).value_or(eps);
  const stats::Moments used = site_step(rule, x, source, at::full({}, used_eps, source.var.options()), state);
  return norm_coefficients(used, weight, bias, used_eps);
}

at::Tensor normalised(const Rule& rule, const Measured& x, const MaybeTensor& weight, const MaybeTensor& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, stats::SiteState& state,
                      const Epilogue& epilogue) {
  if (x.x.numel() == 0) {
    return epilogue_in_tensors(at::empty_like(x.x), epilogue);
  }
  return affine_then(x.x, coefficients_of(rule, x, weight, bias, source_mean, source_var, eps, state), epilogue);
}

}  // namespace

at::Tensor norm(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias, const at::Tensor& source_mean,
                const at::Tensor& source_var, double eps, const std::string& rule_text, at::Tensor& running,
                at::Tensor& counters, at::Tensor& last, at::Tensor& stream) {
  stats::SiteState state{running, counters, last, stream};
  const Rule& rule = check(x, weight, bias, source_mean, source_var, eps, rule_text, state);
  const at::NoGradGuard no_grad;  // statistics move, parameters do not: nothing here has a gradient
  if (x.numel() > 0 && std::holds_alternative<rule::Source>(rule) && aten_can(x)) {
    // The very operator that the model called, for the very bits.
    count_images(x, state);
    return at::batch_norm(x, weight, bias, source_mean, source_var, /*training=*/false, /*momentum=*/0.0, eps,
                          at::globalContext().userEnabledCuDNN());
  }
  return normalised(rule, {x, {}, {}}, weight, bias, source_mean, source_var, eps, state, {});
}

at::Tensor norm_then(const Measured& x, const MaybeTensor& weight, const MaybeTensor& bias,
                     const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                     const std::string& rule_text, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                     at::Tensor& stream, const Epilogue& epilogue) {
  stats::SiteState state{running, counters, last, stream};
  const Rule& rule = check(x.x, weight, bias, source_mean, source_var, eps, rule_text, state);
  const at::NoGradGuard no_grad;
  return normalised(rule, x, weight, bias, source_mean, source_var, eps, state, epilogue);
}

Coefficients norm_step(const Measured& x, const MaybeTensor& weight, const MaybeTensor& bias,
                       const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                       const std::string& rule_text, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                       at::Tensor& stream) {
  stats::SiteState state{running, counters, last, stream};
  const Rule& rule = check(x.x, weight, bias, source_mean, source_var, eps, rule_text, state);
  const at::NoGradGuard no_grad;
  return coefficients_of(rule, x, weight, bias, source_mean, source_var, eps, state);
}

c10::optional<Coefficients> norm_ahead(std::int64_t images, const MaybeTensor& weight, const MaybeTensor& bias,
                                       const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                                       const std::string& rule_text, at::Tensor& running, at::Tensor& counters,
                                       at::Tensor& last, at::Tensor& stream) {
  const Rule& rule = parsed_rule(rule_text);
  if (!stats::sample_share(rule) || images == 0) {
    return c10::nullopt;
  }
  const at::NoGradGuard no_grad;
  stats::SiteState state{running, counters, last, stream};
  const at::Tensor none = source_mean.new_empty({0, source_mean.numel()});  // no image, of as many channels
  check(none, weight, bias, source_mean, source_var, eps, rule_text, state);
  const stats::Moments source{source_mean.detach().to(at::kDouble), source_var.detach().to(at::kDouble)};
  const auto known = step_ahead(rule, images, source, state);
  return known ? c10::make_optional(norm_coefficients(*known, weight, bias, stats::eps_override(rule).value_or(eps)))
               : c10::nullopt;
}

at::Tensor norm_meta(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias,
                     const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                     at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream) {
  check(x, weight, bias, source_mean, source_var, eps, rule, {running, counters, last, stream});
  return at::empty_like(dense(x));
}

}  // namespace ttscale::ops
