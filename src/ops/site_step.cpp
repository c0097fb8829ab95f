// SPDX-License-Identifier: MIT
#include "ops/site_step.h"

#include <utility>

#include <ATen/ATen.h>

#include "ops/medians.h"
#include "ops/moments.h"
#include "stats/sampling.h"

namespace ttscale::ops {
namespace {

/// [C] -> [N, C]
stats::Moments of_each(const stats::Moments& moments, std::int64_t images) {
  const auto rows = [&](const at::Tensor& t) { return t.expand({images, t.size(0)}).contiguous(); };
  return {rows(moments.mean), rows(moments.var)};
}

}  // namespace

const Rule& parsed_rule(const std::string& text) {
  thread_local std::optional<std::pair<std::string, Rule>> last;
  if (!last || last->first != text) {
    last.emplace(text, parse_rule(text));
  }
  return last->second;
}

std::optional<stats::Moments> step_ahead(const Rule& rule, std::int64_t images, const stats::Moments& source,
                                         stats::SiteState& state) {
  const stats::Sample sample = stats::next_sample(rule, images, state);
  if (sample.count > 0) {
    return std::nullopt;
  }
  stats::count_offered(rule, images, sample, state);
  return stats::known_moments(rule, source, state);
}

void count_images(const at::Tensor& x, stats::SiteState& state) {
  state.counters.select(0, 0).add_(static_cast<double>(x.size(0)));
  state.counters.select(0, 1).add_(1);
}

stats::Moments site_step(const Rule& rule, const Measured& given, const stats::Moments& source, const at::Tensor& eps,
                         stats::SiteState& state) {
  const at::Tensor& x = given.x;
  const std::int64_t images = x.size(0);
  const stats::Sample sample = stats::next_sample(rule, images, state);
  stats::count_offered(rule, images, sample, state);
  if (sample.count == 0) {
    return stats::known_moments(rule, source, state);
  }
  const bool all = sample.count == images;
  const bool lags = !all && stats::lags(rule);
  // A copy, made before the step writes what is known.
  stats::Moments rows = lags ? of_each(stats::known_moments(rule, source, state), images) : stats::Moments{};
  const auto sampled = [&](const at::Tensor& t) { return all ? t : t.narrow(0, sample.first, sample.count); };
  const at::Tensor measured = sampled(x);
  const auto [mean, var] =
      given.mean.defined() ? std::make_tuple(sampled(given.mean), sampled(given.var)) : moments(measured);
  const at::Tensor middle = stats::needs_medians(rule) ? medians(measured, mean, var) : at::Tensor();
  const stats::ImageMoments each{
      {mean, var}, x.numel() / (images * x.size(1)), middle, sample.count == sample.of ? 0 : sample.of};
  stats::Moments used = stats::step(rule, source, eps, each, state);
  if (!lags) {
    return used;
  }
  rows.mean.narrow(0, sample.first, sample.count).copy_(used.mean);
  rows.var.narrow(0, sample.first, sample.count).copy_(used.var);
  return rows;
}

}  // namespace ttscale::ops
