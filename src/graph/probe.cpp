// SPDX-License-Identifier: MIT
// Puts ttscale::observe at feature sites.
#include "graph/probe.h"

#include <algorithm>
#include <set>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "base/option_text.h"
#include "graph/call.h"
#include "graph/model_copy.h"
#include "graph/stored_moments.h"
#include "ops/norm.h"
#include "ops/observe.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

std::string attribute(std::size_t site) { return "_ttscale_" + std::to_string(site) + "_sums"; }

std::string kinds(const std::vector<FoundSite>& sites) {
  std::set<std::string> out;
  for (const FoundSite& found : sites) {
    if (found.site.adaptable) {
      out.insert(found.site.kind);
    }
  }
  return join({out.begin(), out.end()});
}

std::vector<FoundSite> watched(const ModelCopy& copy, const std::vector<std::string>& patterns) {
  const std::vector<FoundSite> all = in_order(copy);
  const auto passes = [](const FoundSite& f, const std::vector<std::string>& some) {
    return f.site.adaptable && std::any_of(some.begin(), some.end(), [&](const std::string& pattern) {
             // "*" means all sites worth a thought, not every addition of the network.
             const bool meant = f.suggested || pattern.front() != '*';
             return !pattern.empty() && meant && (matches(f.site.name, {pattern}) || matches(f.site.kind, {pattern}));
           });
  };
  for (const std::string& pattern : patterns) {
    if (std::none_of(all.begin(), all.end(), [&](const FoundSite& f) { return passes(f, {pattern}); })) {
      throw UsageError("feature pattern '" + pattern +
                       "' matches no layer of the model that can be calibrated, by name (ttscale inspect) or kind (" +
                       kinds(all) + ")");
    }
  }
  std::vector<FoundSite> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const FoundSite& f) {
    return patterns.empty() ? (f.site.feature ? f.site.chosen : f.site.adaptable) : passes(f, patterns);
  });
  if (out.empty()) {
    throw ModelError(summarise(copy.found));
  }
  return out;
}

}  // namespace

Probe::Probe(const torch::jit::Module& module, const std::vector<std::string>& patterns, CallOptions call)
    : call_(std::move(call)) {
  const c10::InferenceMode normal(false);  // for the sums that are made here
  ops::link_operators();
  check_signature(module, call_);
  ModelCopy copy = copy_model(module);
  for (FoundSite& found : watched(copy, patterns)) {
    const std::string name = attribute(sites_.size());
    copy.module->register_attribute(name, c10::TensorType::get(), at::zeros({0}, at::kDouble));
    insert_at(*copy.graph, found, ops::kObserveOperator, {name});
    stored_.push_back(stored_moments(found));
    sites_.push_back(std::move(found.site));
  }
  copy.graph->lint();
  device_ = copy.device;
  module_ = std::move(copy.module);
}

void Probe::run(const at::Tensor& images, std::size_t group) {
  const c10::InferenceMode normal(false);  // the sums are updated in place by later calls, in any mode
  const at::NoGradGuard no_grad;           // second: InferenceMode(false) switches gradients on
  const bool seen = group < groups_.size() && !groups_[group].empty();
  // The operator writes into what it is given: a copy, so that a model that fails half-way spoils nothing.
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    module_->setattr(attribute(i),
                     seen ? groups_[group][i].clone() : at::zeros({0}, at::dtype(at::kDouble).device(device_)));
  }
  run_forward(*module_, call_, images.to(device_));
  groups_.resize(std::max(groups_.size(), group + 1));
  groups_[group].clear();
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    groups_[group].push_back(module_->attr(attribute(i)).toTensor());
  }
}

at::Tensor Probe::sums(std::size_t site, std::size_t group) const {
  const bool seen = group < groups_.size() && !groups_[group].empty();
  const at::Tensor sums = seen ? groups_[group][site] : at::Tensor();
  return !sums.defined() || sums.numel() == 0 ? at::Tensor() : sums.to(at::kCPU, at::kDouble, false, /*copy=*/true);
}

}  // namespace ttscale::graph
