// SPDX-License-Identifier: MIT
// clone -> inline -> replace. The graph is changed before its first run: after one the executor keeps a plan of its own
// and edits are ignored.
#include "graph/rewrite.h"

#include <algorithm>
#include <array>
#include <set>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "base/log.h"
#include "graph/archive.h"
#include "graph/call.h"
#include "graph/fingerprint.h"
#include "graph/forward_frame.h"
#include "graph/input_type.h"
#include "graph/model_copy.h"
#include "graph/optimize.h"
#include "graph/other_methods.h"
#include "ops/norm.h"
#include "ops/restandardize.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

constexpr const char* kRuleAttribute = "_ttscale_rule";
constexpr std::array<const char*, 3> kStateNames{"running", "counters", "last"};
constexpr const char* kStreamAttribute = "_ttscale_stream";

std::string attribute(std::size_t site, const char* name) { return "_ttscale_" + std::to_string(site) + "_" + name; }

/// The statistics as the graph reads them: through their attribute, or as the constant that a frozen graph holds.
Value* read_statistics(Graph& graph, Node& node, const Origin& origin) {
  if (!origin.path.empty()) {
    return read_attribute(graph, node, origin.path);
  }
  const torch::jit::WithInsertPoint here(&node);
  return graph.insertConstant(origin.value);
}

/// `#2` and later calls of a shared layer read the same statistics but keep a state of their own: they see other
/// activations.
void replace(Graph& graph, const FoundSite& found, std::size_t index) {
  Node& node = *found.node;
  const auto& inputs = node.inputs();
  std::vector<Value*> arguments(ops::kNormInputs);
  arguments[ops::kNormX] = inputs[kInput];
  arguments[ops::kNormWeight] = inputs[kWeight];
  arguments[ops::kNormBias] = inputs[kBias];
  arguments[ops::kNormSourceMean] = read_statistics(graph, node, *found.mean);
  arguments[ops::kNormSourceVar] = read_statistics(graph, node, *found.var);
  arguments[ops::kNormEps] = inputs[kEps];
  arguments[ops::kNormRule] = read_attribute(graph, node, {kRuleAttribute});
  arguments[ops::kNormRunning] = read_attribute(graph, node, {attribute(index, "running")});
  arguments[ops::kNormCounters] = read_attribute(graph, node, {attribute(index, "counters")});
  arguments[ops::kNormLast] = read_attribute(graph, node, {attribute(index, "last")});
  arguments[ops::kNormStream] = read_attribute(graph, node, {kStreamAttribute});
  Node* norm = graph.create(c10::Symbol::fromQualString(ops::kNormOperator), arguments, 1);
  norm->insertBefore(&node);
  norm->copyMetadata(&node);
  norm->output()->setType(node.output()->type());
  node.output()->replaceAllUsesWith(norm->output());
  node.destroy();
}

/// A site to rewrite; `reference` is set for feature sites.
struct Selected {
  FoundSite found;
  const ReferenceSite* reference = nullptr;
};

/// All sites that can be rewritten, in order of execution.
std::vector<Selected> candidates(const ModelCopy& copy, const std::vector<ReferenceSite>& references) {
  std::vector<Selected> out;
  std::set<std::string> known;
  const auto reference_of = [&](const FoundSite& found) {
    const auto it = std::find_if(references.begin(), references.end(),
                                 [&](const ReferenceSite& r) { return r.name == found.site.name; });
    return it == references.end() ? nullptr : &*it;
  };
  for (const FoundSite& found : in_order(copy)) {
    const ReferenceSite* reference = reference_of(found);
    if (found.site.adaptable && (reference != nullptr || !found.site.feature)) {
      out.push_back({found, reference});
      known.insert(found.site.name);
    }
  }
  for (const ReferenceSite& reference : references) {
    if (known.count(reference.name) == 0) {
      throw ModelError("the reference names the site " + reference.name +
                       ", which the model does not have; calibrate again");
    }
  }
  return out;
}

void select(std::vector<Selected>& sites, const std::vector<std::string>& layers,
            const std::vector<std::string>& skip) {
  const auto name = [](const Selected& s) -> const std::string& { return s.found.site.name; };
  const std::string names =
      sites.size() == 1 ? name(sites.front()) : name(sites.front()) + " ... " + name(sites.back());
  const auto unmatched = std::find_if(layers.begin(), layers.end(), [&](const std::string& pattern) {
    return std::none_of(sites.begin(), sites.end(), [&](const Selected& s) { return matches(name(s), {pattern}); });
  });
  if (unmatched != layers.end()) {
    throw UsageError("layer pattern '" + *unmatched + "' matches no adaptable layer; they are called " + names +
                     " (ttscale inspect lists them)");
  }
  sites.erase(std::remove_if(sites.begin(), sites.end(),
                             [&](const Selected& s) {
                               return (!layers.empty() && !matches(name(s), layers)) || matches(name(s), skip);
                             }),
              sites.end());
  if (sites.empty()) {
    throw UsageError("the layer patterns leave no layer to adapt; they are called " + names +
                     " (ttscale inspect lists them)");
  }
}

/// The attributes that set_state() sets.
std::vector<std::string> kept_attributes(std::size_t sites) {
  std::vector<std::string> out{kRuleAttribute, kStreamAttribute};
  for (std::size_t i = 0; i < sites; ++i) {
    for (const char* name : kStateNames) {
      out.push_back(attribute(i, name));
    }
  }
  return out;
}

void register_tensor(Module& module, const std::string& name, const at::Tensor& value) {
  module.register_attribute(name, c10::TensorType::get(), value);
}

at::Tensor on_cpu(const Origin& origin) {
  return origin.value.toTensor().detach().to(at::kCPU, at::kDouble, false, /*copy=*/true);
}

/// Puts the operator at a feature site, with the reference as attributes of the module.
RewrittenSite restandardize(const ModelCopy& copy, const Selected& selected, std::size_t index) {
  const ReferenceSite& reference = *selected.reference;
  const Site& site = selected.found.site;
  if (site.channels > 0 && reference.mean.numel() != site.channels) {
    throw ModelError("the reference of " + site.name + " has " + std::to_string(reference.mean.numel()) +
                     " channels, the model " + std::to_string(site.channels) + "; calibrate again");
  }
  std::vector<std::string> names(ops::kRestandardizeInputs - 1);  // of the attributes that follow the features
  const auto name = [&](ops::RestandardizeInput input) -> std::string& { return names.at(input - 1); };
  const auto store = [&](ops::RestandardizeInput input, const char* word, const at::Tensor& value) {
    name(input) = attribute(index, word);
    register_tensor(*copy.module, name(input), value.to(copy.device, at::kDouble, false, /*copy=*/true));
  };
  store(ops::kRestandardizeSourceMean, "mean", reference.mean);
  store(ops::kRestandardizeSourceVar, "var", reference.var);
  store(ops::kRestandardizeEps, "eps", reference.eps);
  name(ops::kRestandardizeRule) = kRuleAttribute;
  name(ops::kRestandardizeRunning) = attribute(index, "running");
  name(ops::kRestandardizeCounters) = attribute(index, "counters");
  name(ops::kRestandardizeLast) = attribute(index, "last");
  name(ops::kRestandardizeStream) = kStreamAttribute;
  insert_at(*copy.graph, selected.found, ops::kRestandardizeOperator, names);
  // The layer itself, where it is a BatchNorm, stays as it was trained: its output is brought back to the reference.
  const auto own = [](const at::Tensor& t) { return t.defined() ? t.clone() : t; };
  RewrittenSite out{site,
                    reference.mean.clone(),
                    reference.var.clone(),
                    reference.eps.clone(),
                    own(reference.domain_shift),
                    own(reference.image_spread)};
  out.site.channels = reference.mean.numel();
  out.site.feature = true;
  return out;
}

}  // namespace

Program::Program(const Module& module, const AdaptOptions& options) : call_(options.call) {
  ops::link_operators();
  check_signature(module, call_);
  ModelCopy copy = copy_model(module);
  const std::vector<ReferenceSite> none;
  if (is_adapted(copy.found)) {
    throw ModelError(kAdaptedAlready);
  }
  std::vector<Selected> sites = candidates(copy, options.reference ? options.reference->sites : none);
  if (sites.empty() && !options.allow_no_sites) {
    throw ModelError(summarise(copy.found));
  }
  if (!sites.empty()) {
    select(sites, options.layers, options.skip_layers);
  }
  module_ = copy.module;
  forward_methods_ = methods_of_forward(module);
  device_ = copy.device;
  input_type_ = graph::input_type(module);
  changes_itself_ = copy.found.operators.count(kAttributeChange) > 0;

  copy.module->register_attribute(kRuleAttribute, c10::StringType::get(), std::string("source"));
  register_tensor(*copy.module, kStreamAttribute, at::zeros({0}, at::kDouble));
  for (std::size_t i = 0; i < sites.size(); ++i) {
    for (const char* name : kStateNames) {
      register_tensor(*copy.module, attribute(i, name), at::zeros({0}, at::kDouble));
    }
  }
  sites_.resize(sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].reference != nullptr) {
      sites_[i] = restandardize(copy, sites[i], i);
    }
  }
  // After the feature sites: what they take may be the output of a batch_norm that goes now.
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].reference == nullptr) {
      const FoundSite& found = sites[i].found;
      sites_[i] = {found.site, on_cpu(*found.mean), on_cpu(*found.var), {}};
      replace(*copy.graph, found, i);
    }
  }
  if (!sites.empty()) {
    insert_frame(*copy.graph, call_, kStreamAttribute, kRuleAttribute);
  }
  copy.graph->lint();
  make_optimized(options.optimize);
}

void Program::make_optimized(Optimize optimize) {
  if (sites_.empty()) {
    why_not_optimized_ = "the model has no sites";
  } else if (optimize == Optimize::kNone) {
    why_not_optimized_ = "not asked for";
  } else if (!device_.is_cpu()) {
    why_not_optimized_ = "the model is not on the CPU";
  } else if (changes_itself_) {
    why_not_optimized_ = "the model writes into itself";
  } else {
    try {
      auto fast = std::make_shared<const Module>(optimized_copy(*module_, kept_attributes(sites_.size())));
      const bool writes = writes_into_input(*fast, static_cast<std::size_t>(call_.input_index) + 1);
      optimized_ = std::make_shared<OptimizedForm>(fast, writes);
      unmeasured_ = std::make_shared<OptimizedForm>(std::move(fast), writes,
                                                    "images that are not measured run no faster than the others");
    } catch (const std::exception& error) {
      why_not_optimized_ = "it cannot be made: " + reason(error);
      log(LogLevel::kWarning, "the optimised form of the model is not used: " + why_not_optimized_);
    }
  }
}

bool Program::is_optimized() const { return optimized_ != nullptr && optimized_->in_use(); }

std::string Program::why_not_optimized() const {
  return optimized_ == nullptr ? why_not_optimized_ : optimized_->refusal();
}

std::vector<std::string> Program::methods_left() const { return graph::methods_left(*module_, forward_methods_); }

std::string Program::fingerprint() const { return graph::fingerprint(*module_); }

namespace {

void set_state(Module& module, const std::string& rule, const StateTensors& state) {
  module.setattr(kRuleAttribute, rule);
  module.setattr(kStreamAttribute, state.stream);
  for (std::size_t i = 0; i < state.sites.size(); ++i) {
    module.setattr(attribute(i, "running"), state.sites[i].running);
    module.setattr(attribute(i, "counters"), state.sites[i].counters);
    module.setattr(attribute(i, "last"), state.sites[i].last);
  }
}

}  // namespace

Instance Program::instantiate(const std::string& rule, const StateTensors& state, bool exact) const {
  // A shallow copy has attributes of its own and shares weights and code. A model that writes into itself needs a deep
  // one, or streams would meet.
  auto instance = std::make_shared<Module>(changes_itself_ ? module_->deepcopy() : module_->copy());
  set_state(*instance, rule, state);
  if (optimized_ == nullptr || exact) {
    return {std::move(instance), call_};
  }
  auto fast = std::make_shared<Module>(optimized_->module().copy());
  set_state(*fast, rule, state);
  std::optional<Sampler> sampler;
  const Rule parsed = parse_rule(rule);
  if (stats::sample_share(parsed) && !state.sites.empty()) {
    std::vector<stats::SiteState> sites;
    for (const SiteTensors& site : state.sites) {
      sites.push_back({site.running, site.counters, site.last, state.stream});
    }
    sampler.emplace(parsed, std::move(sites));
  }
  return {std::move(instance), call_, optimized_, std::move(fast), unmeasured_, std::move(sampler)};
}

Module Program::online(const std::string& rule, const StateTensors& state) const {
  // Tensors that share a storage, as those of one stream do, are one tensor to clone(): the state is set after it.
  Module out = module_->clone();
  StateTensors own{{}, state.stream.clone()};
  const std::int64_t scratch = stats::state_size(parse_rule(rule)).scratch;
  own.stream.narrow(0, own.stream.numel() - scratch, scratch).zero_();
  own.sites.reserve(state.sites.size());
  for (const SiteTensors& site : state.sites) {
    own.sites.push_back({site.running.clone(), site.counters.clone(), site.last.clone()});
  }
  set_state(out, rule, own);
  return out;
}

}  // namespace ttscale::graph
