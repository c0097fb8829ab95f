// SPDX-License-Identifier: MIT
// Streams become modules.
#include "ttscale/bake.h"

#include <algorithm>

#include <ATen/ATen.h>

#include <torch/csrc/jit/api/module.h>

#include "adapt/input_script.h"
#include "adapt/stream_impl.h"
#include "graph/call.h"
#include "stats/rules.h"
#include "ttscale/error.h"

namespace ttscale {

namespace {

torch::jit::Module with_input(torch::jit::Module module, const graph::Program& program, const InputScaling& input,
                              const BakeOptions& options) {
  constexpr const char* kName = "_ttscale_input";
  if (options.input && !std::holds_alternative<std::monostate>(input)) {
    graph::prepend_script(module, program.call(), kName, input_script(kName, input));
  }
  return module;
}

/// The rule of the stream, if it is what answers.
std::string rule_of(const Watch& watch, std::string rule, const char* call) {
  if (watch.answer() == Answer::kSource) {
    throw UsageError(std::string(call) +
                     ": the guard of this stream has rolled back to the source model, so that there is no adapted one "
                     "to write; use the model as it is, or a stream with the guard off");
  }
  return rule;
}

/// Why a stream that took images has nothing to fix.
std::string why_rejected(const std::vector<graph::RewrittenSite>& sites, std::int64_t batches) {
  const std::string all = "bake: the statistics of every batch (" + std::to_string(batches) + ") are not finite";
  const auto broken = std::find_if(sites.begin(), sites.end(), [](const graph::RewrittenSite& site) {
    return !(site.mean.isfinite().all().item<bool>() && (site.var >= 0).all().item<bool>() &&
             site.var.isfinite().all().item<bool>());
  });
  return broken == sites.end() ? all + "; look at the images and at the model's outputs for them"
                               : all + ": " + broken->site.name +
                                     " has a stored variance below 0, or stored statistics that are NaN or Inf; bring "
                                     "a sound model, or a sound reference where it is adapted by one";
}

}  // namespace

torch::jit::Module online(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  return with_input(impl.program->online(rule_of(impl.watch, impl.rule_now(), "online"), impl.state.tensors()),
                    *impl.program, impl.input, options);
}

void check_bakeable(const Rule& rule) {
  if (!std::holds_alternative<rule::Source>(rule) && !stats::has_state(rule)) {
    throw UsageError("bake: rule " + to_string(rule) +
                     " takes its statistics from each batch anew and keeps none that could be fixed; use a rule "
                     "that remembers: auto, cumulative, ema, dua, rbn, tbr, unmixtns, mixnorm, tema or rotta");
  }
}

namespace {

stats::Moments settled(const Rule& rule, const graph::RewrittenSite& site, const graph::SiteTensors& tensors,
                       const at::Tensor& stream) {
  const auto on_cpu = [](const at::Tensor& t) { return t.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true); };
  const stats::SiteState state{on_cpu(tensors.running), on_cpu(tensors.counters), on_cpu(tensors.last), on_cpu(stream)};
  const at::Tensor eps = site.eps.defined() ? site.eps : at::full({}, site.site.eps, at::kDouble);
  return stats::settled(rule, {site.mean, site.var}, eps, state);
}

}  // namespace

torch::jit::Module bake(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  const Rule rule = parse_rule(rule_of(impl.watch, impl.rule_now(), "bake"));
  check_bakeable(rule);
  const bool source = std::holds_alternative<rule::Source>(rule);
  if (!source && impl.state.totals()[1].item<double>() == 0) {
    if (stream.rejected() > 0) {
      throw ModelError(why_rejected(impl.program->sites(), stream.rejected()));
    }
    throw UsageError("bake: the stream has seen no images yet, so that there is nothing to fix; run forward first");
  }
  std::vector<graph::FixedMoments> fixed;
  const auto& sites = impl.program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const graph::SiteTensors& tensors = impl.state.tensors().sites[i];
    // A site in a branch that no image took is still at the source.
    const bool seen = !source && tensors.counters[1].item<double>() > 0;
    const stats::Moments at_source{sites[i].mean, sites[i].var};
    const stats::Moments used = seen ? settled(rule, sites[i], tensors, impl.state.tensors().stream) : at_source;
    fixed.push_back({used.mean, used.var});
  }
  return with_input(impl.program->bake(fixed, stats::eps_override(rule)), *impl.program, impl.input, options);
}

}  // namespace ttscale
