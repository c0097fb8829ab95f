// SPDX-License-Identifier: MIT
// Streams become modules.
#include "ttscale/bake.h"

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

}  // namespace

torch::jit::Module online(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  return with_input(impl.program->online(impl.rule, impl.state.tensors()), *impl.program, impl.input, options);
}

void check_bakeable(const Rule& rule) {
  if (!std::holds_alternative<rule::Source>(rule) && !stats::has_state(rule)) {
    throw UsageError("bake: rule " + to_string(rule) +
                     " takes its statistics from each batch anew and keeps none that could be fixed; use cumulative, "
                     "ema or dua");
  }
}

torch::jit::Module bake(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  const Rule rule = parse_rule(impl.rule);
  check_bakeable(rule);
  const bool source = std::holds_alternative<rule::Source>(rule);
  if (!source && impl.state.totals()[1].item<double>() == 0) {
    throw UsageError("bake: the stream has seen no images yet, so that there is nothing to fix; run forward first");
  }
  std::vector<graph::FixedMoments> fixed;
  const auto& sites = impl.program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const graph::SiteTensors& tensors = impl.state.tensors()[i];
    // A site in a branch that no image took is still at the source.
    const bool seen = !source && tensors.counters[1].item<double>() > 0;
    const at::Tensor running = tensors.running.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
    const stats::Moments at_source{sites[i].mean, sites[i].var};
    const stats::Moments used = seen ? stats::select_part(rule, at_source, {running[0], running[1]}) : at_source;
    fixed.push_back({used.mean, used.var});
  }
  return with_input(impl.program->bake(fixed, stats::eps_override(rule)), *impl.program, impl.input, options);
}

}  // namespace ttscale
