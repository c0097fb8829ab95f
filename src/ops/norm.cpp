// SPDX-License-Identifier: MIT
// ttscale::norm: moments, rule, apply.
#include "ops/norm.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
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

/// Without `epilogue` the very operator that the model called, for the very bits. The activations are not read for
/// statistics.
at::Tensor source_norm(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias, const at::Tensor& mean,
                       const at::Tensor& var, double eps, const Epilogue* epilogue, at::Tensor& counters) {
  counters.select(0, 0).add_(static_cast<double>(x.size(0)));
  counters.select(0, 1).add_(1);
  if (epilogue != nullptr || !aten_can(x)) {
    const stats::Moments source{mean.detach().to(at::kDouble), var.detach().to(at::kDouble)};
    return affine_then(x, norm_coefficients(source, weight, bias, eps), epilogue != nullptr ? *epilogue : Epilogue{});
  }
  return at::batch_norm(x, weight, bias, mean, var, /*training=*/false, /*momentum=*/0.0, eps,
                        at::globalContext().userEnabledCuDNN());
}

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

at::Tensor run(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias, const at::Tensor& source_mean,
               const at::Tensor& source_var, double eps, const std::string& rule_text, stats::SiteState state,
               const Epilogue* epilogue) {
  const Rule& rule = check(x, weight, bias, source_mean, source_var, eps, rule_text, state);
  const at::NoGradGuard no_grad;  // statistics move, parameters do not: nothing here has a gradient
  const Epilogue then = epilogue != nullptr ? *epilogue : Epilogue{};
  if (x.numel() == 0) {
    return epilogue_in_tensors(at::empty_like(x), then);
  }
  if (std::holds_alternative<rule::Source>(rule)) {
    return source_norm(x, weight, bias, source_mean, source_var, eps, epilogue, state.counters);
  }
  const stats::Moments source{source_mean.detach().to(at::kDouble), source_var.detach().to(at::kDouble)};
  const double used_eps = stats::eps_override(rule).value_or(eps);
  const stats::Moments used = site_step(rule, x, source, at::full({}, used_eps, source.var.options()), state);
  return affine_then(x, norm_coefficients(used, weight, bias, used_eps), then);
}

}  // namespace

at::Tensor norm(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias, const at::Tensor& source_mean,
                const at::Tensor& source_var, double eps, const std::string& rule, at::Tensor& running,
                at::Tensor& counters, at::Tensor& last, at::Tensor& stream) {
  return run(x, weight, bias, source_mean, source_var, eps, rule, {running, counters, last, stream}, nullptr);
}

at::Tensor norm_then(const at::Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias,
                     const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                     at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                     const Epilogue& epilogue) {
  return run(x, weight, bias, source_mean, source_var, eps, rule, {running, counters, last, stream}, &epilogue);
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
