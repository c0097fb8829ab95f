// SPDX-License-Identifier: MIT
// ttscale::restandardize: moments, rule, apply.
#include "ops/restandardize.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ops/coefficients.h"
#include "ops/epilogue.h"
#include "ops/layout.h"
#include "ops/site_checks.h"
#include "ops/site_step.h"
#include "stats/rules.h"
#include "stats/sampling.h"
#include "ttscale/error.h"

namespace ttscale::ops {
namespace {

constexpr const char* kName = kRestandardizeOperator;

void check_reference(const char* name, const at::Tensor& t, const at::Tensor& x) {
  TORCH_CHECK(t.scalar_type() == at::kDouble, kName, ": expected ", name, " of float64, found ", t.scalar_type());
  check_channels(kName, name, t, x);
}

const Rule& check(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                  const at::Tensor& eps, const std::string& rule_text, const stats::SiteState& state) {
  check_activation(kName, x);
  check_reference("source_mean", source_mean, x);
  check_reference("source_var", source_var, x);
  check_reference("eps", eps, x);
  const Rule& rule = parsed_rule(rule_text);
  check_site_state(kName, rule, state, x);
  if (stats::eps_override(rule)) {
    throw UsageError("rule " + rule_text +
                     ": eps belongs to BatchNorm layers, and this model has feature sites, which have none; leave eps "
                     "out");
  }
  return rule;
}

}  // namespace

at::Tensor restandardize(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                         const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                         at::Tensor& last, at::Tensor& stream) {
  return restandardize_then({x, {}, {}}, source_mean, source_var, eps, rule, running, counters, last, stream, {});
}

at::Tensor restandardize_then(const Measured& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                              const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                              at::Tensor& last, at::Tensor& stream, const Epilogue& epilogue) {
  const at::NoGradGuard no_grad;
  const bool mkldnn = x.x.is_mkldnn();
  const Measured features{mkldnn ? x.x.to_dense() : x.x, x.mean, x.var};
  const auto k = restandardize_step(features, source_mean, source_var, eps, rule, running, counters, last, stream);
  if (!k) {
    return epilogue.does_nothing() ? unchanged(x.x) : epilogue_in_tensors(x.x, epilogue);
  }
  const at::Tensor y = affine_then(features.x, *k, epilogue);
  return mkldnn ? y.contiguous().to_mkldnn() : y;
}

c10::optional<Coefficients> restandardize_step(const Measured& x, const at::Tensor& source_mean,
                                               const at::Tensor& source_var, const at::Tensor& eps,
                                               const std::string& rule_text, at::Tensor& running, at::Tensor& counters,
                                               at::Tensor& last, at::Tensor& stream) {
  const at::NoGradGuard no_grad;
  stats::SiteState state{running, counters, last, stream};
  const Rule& rule = check(x.x, source_mean, source_var, eps, rule_text, state);
  if (x.x.numel() == 0) {
    return c10::nullopt;
  }
  if (std::holds_alternative<rule::Source>(rule)) {
    count_images(x.x, state);
    return c10::nullopt;
  }
  const stats::Moments source{source_mean, source_var};
  return reference_coefficients(site_step(rule, x, source, eps, state), source, eps);
}

c10::optional<Coefficients> restandardize_ahead(std::int64_t images, const at::Tensor& source_mean,
                                                const at::Tensor& source_var, const at::Tensor& eps,
                                                const std::string& rule_text, at::Tensor& running, at::Tensor& counters,
                                                at::Tensor& last, at::Tensor& stream) {
  const Rule& rule = parsed_rule(rule_text);
  if (!stats::sample_share(rule) || images == 0) {
    return c10::nullopt;
  }
  const at::NoGradGuard no_grad;
  stats::SiteState state{running, counters, last, stream};
  const at::Tensor none = source_mean.new_empty({0, source_mean.numel()});  // no image, of as many channels
  check(none, source_mean, source_var, eps, rule_text, state);
  const stats::Moments source{source_mean, source_var};
  const auto known = step_ahead(rule, images, source, state);
  return known ? c10::make_optional(reference_coefficients(*known, source, eps)) : c10::nullopt;
}

at::Tensor restandardize_meta(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                              const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                              at::Tensor& last, at::Tensor& stream) {
  check(x, source_mean, source_var, eps, rule, {running, counters, last, stream});
  return at::empty_like(dense(x));
}

}  // namespace ttscale::ops
