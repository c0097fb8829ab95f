// SPDX-License-Identifier: MIT
// ttscale::restandardize: moments, rule, apply.
#include "ops/restandardize.h"

#include <ATen/ATen.h>

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

at::Tensor restandardize_dense(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const Rule& rule, stats::SiteState& state,
                               const Epilogue& epilogue) {
  const stats::Moments source{source_mean, source_var};
  const stats::Moments used = site_step(rule, x, source, eps, state);
  return affine_then(x, reference_coefficients(used, source, eps), epilogue);
}

}  // namespace

at::Tensor restandardize(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                         const at::Tensor& eps, const std::string& rule, at::Tensor& running, at::Tensor& counters,
                         at::Tensor& last, at::Tensor& stream) {
  return restandardize_then(x, source_mean, source_var, eps, rule, running, counters, last, stream, {});
}

at::Tensor restandardize_then(const at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                              const at::Tensor& eps, const std::string& rule_text, at::Tensor& running,
                              at::Tensor& counters, at::Tensor& last, at::Tensor& stream, const Epilogue& epilogue) {
  const at::NoGradGuard no_grad;
  stats::SiteState state{running, counters, last, stream};
  const bool mkldnn = x.is_mkldnn();
  const at::Tensor features = mkldnn ? x.to_dense() : x;
  const auto as_it_is = [&] { return epilogue.does_nothing() ? unchanged(x) : epilogue_in_tensors(x, epilogue); };
  const Rule& rule = check(features, source_mean, source_var, eps, rule_text, state);
  if (features.numel() == 0) {
    return as_it_is();
  }
  if (std::holds_alternative<rule::Source>(rule)) {
    counters.select(0, 0).add_(static_cast<double>(features.size(0)));
    counters.select(0, 1).add_(1);
    return as_it_is();
  }
  const at::Tensor y = restandardize_dense(features, source_mean, source_var, eps, rule, state, epilogue);
  return mkldnn ? y.contiguous().to_mkldnn() : y;
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
