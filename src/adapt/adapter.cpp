// SPDX-License-Identifier: MIT
// adapt(): one rewritten program for any number of streams.
#include "ttscale/adapter.h"

#include <algorithm>

#include <torch/csrc/jit/api/module.h>

#include "adapt/stream_impl.h"
#include "graph/archive.h"
#include "graph/fingerprint.h"
#include "graph/rewrite.h"
#include "stats/rules.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

/// The sites of a reference that belongs to the model.
const std::vector<ReferenceSite>& checked(const Reference& reference, const torch::jit::Module& module) {
  const std::string model = graph::fingerprint(module);
  if (reference.model != model) {
    throw ModelError("the reference belongs to another model: expected " + model + ", found " + reference.model +
                     "; calibrate this one");
  }
  return reference.sites;
}

std::string fingerprint_of(const std::vector<ReferenceSite>& sites) {
  std::vector<at::Tensor> tensors;
  for (const ReferenceSite& site : sites) {
    tensors.insert(tensors.end(), {site.mean, site.var, site.eps});
    if (site.domain_shift.defined()) {
      tensors.insert(tensors.end(), {site.domain_shift, site.image_spread});
    }
  }
  return tensors.empty() ? std::string() : graph::fingerprint(tensors);
}

/// An eps is in the units of a BatchNorm's input, which a feature site does not know.
void refuse_eps(const Rule& rule, const std::vector<Site>& sites) {
  const auto feature = std::find_if(sites.begin(), sites.end(), [](const Site& site) { return site.feature; });
  if (stats::eps_override(rule) && feature != sites.end()) {
    throw UsageError("rule " + to_string(rule) + ": eps belongs to BatchNorm layers, and " + feature->name +
                     " is a feature site, which has none; leave eps out");
  }
}

Watch watch_of(const AdaptOptions& options, const Rule& rule, const graph::Program& program) {
  const bool automatic = std::holds_alternative<rule::Auto>(rule);
  // Source against source says nothing, unless its input is scaled.
  const bool adapts = (!std::holds_alternative<rule::Source>(rule) && !program.sites().empty()) ||
                      !std::holds_alternative<std::monostate>(options.input);
  Watch watch(adapts ? options.guard.value_or(automatic ? Guard{} : Guard{0}) : Guard{0}, automatic);
  if (program.changes_itself()) {
    watch.stop_watching("the model writes into itself, and would not be the same for a second look");
  }
  return watch;
}

}  // namespace

struct AdaptedModel::Impl {
  std::shared_ptr<const graph::Program> program;
  std::string reference;  ///< fingerprint of the reference in use; empty without
  AdaptOptions options;
  std::vector<Site> sites;
};

AdaptedModel::AdaptedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Stream AdaptedModel::stream() const { return stream(impl_->options.rule); }

Stream AdaptedModel::stream(const Rule& rule) const {
  validate(rule);
  refuse_eps(rule, impl_->sites);
  StreamState state(rule, impl_->program->sites(), impl_->program->device());
  const std::string text = to_string(rule);
  Watch watch = watch_of(impl_->options, rule, *impl_->program);
  graph::Instance instance =
      impl_->program->instantiate(text, state.tensors(), std::holds_alternative<rule::Source>(rule));
  return Stream(std::make_unique<Stream::Impl>(Stream::Impl{
      impl_->program, impl_->reference, impl_->options.input, rule, text, std::move(state), std::move(instance),
      std::move(watch), impl_->options.reference ? impl_->options.reference->mismatch() : std::string()}));
}

std::vector<Site> AdaptedModel::sites() const { return impl_->sites; }
AdaptOptions AdaptedModel::options() const { return impl_->options; }
std::vector<std::string> AdaptedModel::methods_left() const { return impl_->program->methods_left(); }
at::ScalarType AdaptedModel::input_type() const { return impl_->program->input_type(); }

AdaptedModel adapt(const torch::jit::Module& module, const AdaptOptions& options) {
  validate(options.rule);
  validate(options.input);
  if (options.guard) {
    validate(*options.guard);
  }
  std::string fingerprint;
  if (options.reference) {
    fingerprint = fingerprint_of(checked(*options.reference, module));
  }
  auto program = std::make_shared<const graph::Program>(module, options);
  std::vector<Site> sites;
  for (const auto& site : program->sites()) {
    sites.push_back(site.site);
  }
  return AdaptedModel(std::make_shared<const AdaptedModel::Impl>(
      AdaptedModel::Impl{std::move(program), std::move(fingerprint), options, std::move(sites)}));
}

AdaptedModel adapt(const std::filesystem::path& archive, const AdaptOptions& options, const std::string& device) {
  return adapt(graph::load(archive, device), options);
}

}  // namespace ttscale
