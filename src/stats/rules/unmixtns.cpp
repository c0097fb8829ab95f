// SPDX-License-Identifier: MIT
// unmixtns: K components of statistics a site; each image is mixed into those that it is like (Tomar et al. 2024,
// "Un-mixing test-time normalization statistics: combatting label temporal correlation"). With means m, variances v,
// i an image, k a component and p_ik = softmax_k(cos(m_i, m_k) / temperature), cosines over the channels:
//   h_ik = (1 - p) m_k + p m_i,  u_ik = (1 - p) v_k + p v_i + p (1 - p) (m_i - m_k)^2
//   image i is normalised with mean_k h and mean_k u + var_k h; then, for a batch of n images,
//   m_k += M mean_i p (m_i - m_k),  v_k += M mean_i p (v_i - v_k),  M = 1 - (1 - momentum)^(n / batch).
// The components start about the source: m_k = ms + sqrt(alpha vs) z_k, v_k = (1 - alpha) vs, with z_k random and of
// mean 0 and variance 1 over k, so that the mixture starts at the source's mean and variance exactly.
//
// Published: u lacks its last term, so that mixing shrinks variances; z_k are plain normal numbers times
// sqrt(K / (K - 1)), so that the mixture starts at the source only in expectation. In the authors' code they differ
// from run to run; here they are a function of site, channel and component in either variant (no table can depend on
// one draw). Images of one pixel a channel are left to the source by the authors; here their variance is the source's.
//
// Cosines of means change with a shift of the activations: a folded layer (--reference) mixes its components in other
// shares than the BatchNorm that it was.
#include <ATen/ATen.h>

#include <cmath>

#include "stats/rules/each_image.h"
#include "stats/rules/unmixtns_start.h"

namespace ttscale::stats {
namespace {

std::int64_t components_of(const rule::UnMixTns& rule) { return static_cast<std::int64_t>(rule.components); }

/// The components' moments [K, C]; means less the source's, which spares squares of large means.
Moments start(const rule::UnMixTns& rule, const RuleInput& in) {
  const std::int64_t count = components_of(rule);
  const Moments& source = in.source;
  if (count == 1) {
    return {at::zeros_like(source.mean).unsqueeze(0), source.var.unsqueeze(0)};
  }
  const at::Tensor draws = normal_draws(count, source.mean.size(0), in.stream[0]);
  const double bessel = rule.components / (rule.components - 1);
  const at::Tensor z = rule.published ? draws * std::sqrt(bessel) : standardized(draws);
  return {z * (rule.alpha * source.var).sqrt(), ((1 - rule.alpha) * source.var).expand_as(z)};
}

Moments components(const rule::UnMixTns& rule, const RuleInput& in) {
  const std::int64_t count = components_of(rule);
  // Where asking costs nothing, a stream that has begun draws no numbers; on other devices it would wait for the
  // answer.
  const bool begun = in.batches.is_cpu() && in.batches.item<double>() > 0;
  const Moments kept{in.rows.narrow(0, 0, count) - in.source.mean, in.rows.narrow(0, count, count)};
  return begun ? kept : where(in.batches > 0, kept, start(rule, in));
}

/// [N, K]: how much of each component an image replaces.
at::Tensor shares(const rule::UnMixTns& rule, const at::Tensor& images, const at::Tensor& components) {
  const auto unit = [](const at::Tensor& rows) { return rows / rows.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12); };
  return (unit(images).matmul(unit(components).t()) / rule.temperature).softmax(1);
}

/// Mean and variance [N, C] of the mixtures, means less the source's. As products of matrices: nothing is [N, K, C].
Moments mixtures(const rule::UnMixTns& rule, const at::Tensor& p, const Moments& images, const Moments& components) {
  const double count = rule.components;
  const at::Tensor q = 1 - p;
  const at::Tensor p_sum = p.sum(1, /*keepdim=*/true);
  const at::Tensor center = (q.matmul(components.mean) + p_sum * images.mean) / count;
  const at::Tensor within = (q.matmul(components.var) + p_sum * images.var) / count;
  // Mean over k of h^2, with the term p (1 - p) (m_i - m_k)^2 of u: together (1 - p) m_k^2 + p m_i^2.
  at::Tensor squares = q.matmul(components.mean.square()) + p_sum * images.mean.square();
  if (rule.published) {
    squares = q.square().matmul(components.mean.square()) + 2 * images.mean * (p * q).matmul(components.mean) +
              p.square().sum(1, /*keepdim=*/true) * images.mean.square();
  }
  return {center, within + (squares / count - center.square()).clamp_min(0)};
}

/// The components after the batch.
Moments updated(const rule::UnMixTns& rule, const at::Tensor& p, const EachImage& images, const at::Tensor& deviation,
                const Moments& components) {
  const at::Tensor momentum = 1 - at::pow(1 - rule.momentum, images.count / rule.batch);
  const at::Tensor weight = (p * images.finite).t() * (momentum / images.count.clamp_min(1));  // [K, N]
  const at::Tensor total = weight.sum(1, /*keepdim=*/true);
  return {components.mean + weight.matmul(deviation) - total * components.mean,
          components.var + weight.matmul(images.moments.var) - total * components.var};
}

}  // namespace

StateSize state_size(const rule::UnMixTns& rule) {
  StateSize size;
  size.rows += 2 * components_of(rule);  // means, then variances
  size.stream = 1;                       // sites so far in this forward
  return size;
}

void begin(const rule::UnMixTns&, at::Tensor& stream, bool) { stream.zero_(); }

RuleOutput evaluate(const rule::UnMixTns& rule, const RuleInput& in) {
  const Moments now = components(rule, in);
  const EachImage images = each_image(in, Variance::kBiased);
  const at::Tensor p = shares(rule, images.moments.mean, now.mean + in.source.mean);
  const at::Tensor deviation = images.moments.mean - in.source.mean;
  const Moments used = mixtures(rule, p, {deviation, images.moments.var}, now);
  const Moments next = updated(rule, p, images, deviation, now);
  RuleOutput out;
  out.used = {used.mean + in.source.mean, used.var};
  out.running = {next.mean.mean(0) + in.source.mean, next.var.mean(0) + next.mean.var(0, /*unbiased=*/false)};
  out.rows = at::cat({next.mean + in.source.mean, next.var});
  out.stream = in.stream + 1;
  return out;
}

}  // namespace ttscale::stats
