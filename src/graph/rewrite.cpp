// SPDX-License-Identifier: MIT
// clone -> inline -> replace. The graph is changed before its first run: after one the executor keeps a plan of its own
// and edits are ignored.
#include "graph/rewrite.h"

#include <algorithm>

#include <fnmatch.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "base/option_text.h"
#include "graph/archive.h"
#include "graph/sites.h"
#include "ops/norm.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

constexpr const char* kRuleAttribute = "_ttscale_rule";

std::string attribute(std::size_t site, const char* name) { return "_ttscale_" + std::to_string(site) + "_" + name; }

/// A pattern that names a layer means all its calls: "bn" also "bn#2".
bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  const std::string layer = name.substr(0, name.find('#'));
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) {
    return fnmatch(p.c_str(), name.c_str(), 0) == 0 || fnmatch(p.c_str(), layer.c_str(), 0) == 0;
  });
}

void check_signature(const Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) {
    throw ModelError("the module has no forward method; save the module whose forward(images) returns the scores");
  }
  std::int64_t required = 0;
  bool tensor = true;
  const auto& arguments = forward->function().getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) {  // 0 is the module itself
    required += arguments[i].default_value() ? 0 : 1;
    tensor = tensor && (i > 1 || c10::TensorType::get()->isSubtypeOf(*arguments[i].type()));
  }
  if (arguments.size() < 2 || required > 1 || !tensor) {
    throw ModelError("forward must take one image tensor, found (" + [&] {
      std::vector<std::string> types;
      for (std::size_t i = 1; i < arguments.size(); ++i) {
        types.push_back(arguments[i].name() + ": " + arguments[i].type()->str());
      }
      return join(types);
    }() + "); wrap the model in a module that does");
  }
}

Module clone(const Module& module) {
  try {
    return module.clone();
  } catch (const std::exception& error) {  // attributes may be objects with code of their own
    throw ModelError("the model cannot be copied: " + reason(error));
  }
}

/// A value that reads the attribute `path` of the module, made just before `node`.
Value* read_attribute(Graph& graph, Node& node, const std::vector<std::string>& path) {
  const torch::jit::WithInsertPoint here(&node);
  Value* value = graph.inputs().at(0);
  for (const std::string& name : path) {
    value = graph.insertGetAttr(value, name);
  }
  return value;
}

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
  const std::vector<Value*> arguments{inputs[kInput],
                                      inputs[kWeight],
                                      inputs[kBias],
                                      read_statistics(graph, node, *found.mean),
                                      read_statistics(graph, node, *found.var),
                                      inputs[kEps],
                                      read_attribute(graph, node, {kRuleAttribute}),
                                      read_attribute(graph, node, {attribute(index, "running")}),
                                      read_attribute(graph, node, {attribute(index, "counters")}),
                                      read_attribute(graph, node, {attribute(index, "last")})};
  Node* norm = graph.create(c10::Symbol::fromQualString(ops::kNormOperator), arguments, 1);
  norm->insertBefore(&node);
  norm->copyMetadata(&node);
  norm->output()->setType(node.output()->type());
  node.output()->replaceAllUsesWith(norm->output());
  node.destroy();
}

/// A graph traced in training mode has dropout switched on and counts its batches by constants that eval() cannot
/// reach.
void quiet_training_trace(Graph& graph, const Module& module) {
  for_each_node(*graph.block(), [&module](Node& node, bool) {
    const std::string kind = node.kind().toUnqualString();
    constexpr std::size_t kDropoutTrain = 2;
    const bool dropout = kind.find("dropout") != std::string::npos && node.inputs().size() > kDropoutTrain;
    // Layers that stay as they are would go on normalising by the batch and moving their buffers, which all streams
    // share.
    const bool norm =
        node.kind() == c10::aten::batch_norm && node.inputs()[kRunningMean]->type()->kind() != c10::TypeKind::NoneType;
    if (dropout || norm) {
      const torch::jit::WithInsertPoint here(&node);
      node.replaceInput(dropout ? kDropoutTrain : static_cast<std::size_t>(kTraining),
                        node.owningGraph()->insertConstant(false));
    } else if (node.kind() == c10::aten::add_) {
      const auto origin = trace_origin(*node.inputs().at(0), module);
      if (origin && !origin->path.empty() && origin->path.back() == "num_batches_tracked") {
        node.output()->replaceAllUsesWith(node.inputs().at(0));
        node.destroy();
      }
    }
  });
}

void select(FoundSites& found, const std::vector<std::string>& layers, const std::vector<std::string>& skip) {
  auto& sites = found.sites;
  sites.erase(std::remove_if(sites.begin(), sites.end(), [](const FoundSite& s) { return !s.site.adaptable; }),
              sites.end());
  const std::string names = sites.front().site.name + " ... " + sites.back().site.name;
  for (const std::string& pattern : layers) {
    if (std::none_of(sites.begin(), sites.end(), [&](const FoundSite& s) { return matches(s.site.name, {pattern}); })) {
      throw UsageError("layer pattern '" + pattern + "' matches no adaptable layer; they are called " + names +
                       " (ttscale inspect lists them)");
    }
  }
  sites.erase(std::remove_if(sites.begin(), sites.end(),
                             [&](const FoundSite& s) {
                               return (!layers.empty() && !matches(s.site.name, layers)) || matches(s.site.name, skip);
                             }),
              sites.end());
  if (sites.empty()) {
    throw UsageError("the layer patterns leave no layer to adapt; they are called " + names +
                     " (ttscale inspect lists them)");
  }
}

}  // namespace

Instance::Instance(std::shared_ptr<Module> module) : module_(std::move(module)) {}

at::Tensor Instance::forward(const at::Tensor& images) {
  c10::IValue output;
  try {
    output = module_->forward({images});
  } catch (const std::exception& error) {
    throw ModelError("the model fails on images " + c10::str(images.sizes()) + ": " + reason(error) +
                     "; check the size, the channels and the preprocessing of the images");
  }
  if (!output.isTensor()) {
    throw ModelError("the model returns " + output.type()->str() +
                     ", expected one tensor; wrap it in a module that returns the scores");
  }
  return output.toTensor();
}

Program::Program(const Module& module, const std::vector<std::string>& layers, const std::vector<std::string>& skip) {
  ops::link_operators();
  check_signature(module);
  auto copy = std::make_shared<Module>(clone(module));
  copy->eval();
  const auto graph = copy->get_method("forward").graph();
  inline_calls(*graph);
  FoundSites found = find_sites(*graph, *copy);
  if (std::none_of(found.sites.begin(), found.sites.end(), [](const FoundSite& s) { return s.site.adaptable; })) {
    throw ModelError(summarise(found));
  }
  if (found.traced_in_training) {
    quiet_training_trace(*graph, *copy);
  }
  select(found, layers, skip);
  device_ = found.sites.front().mean->value.toTensor().device();
  changes_itself_ = found.operators.count(kAttributeChange) > 0;

  copy->register_attribute(kRuleAttribute, c10::StringType::get(), std::string("source"));
  for (std::size_t i = 0; i < found.sites.size(); ++i) {
    for (const char* name : {"running", "counters", "last"}) {
      copy->register_attribute(attribute(i, name), c10::TensorType::get(), at::Tensor(at::zeros({0}, at::kDouble)));
    }
    const auto on_cpu = [](const Origin& origin) {
      return origin.value.toTensor().detach().to(at::kCPU, at::kDouble, false, /*copy=*/true);
    };
    sites_.push_back({found.sites[i].site, on_cpu(*found.sites[i].mean), on_cpu(*found.sites[i].var)});
    replace(*graph, found.sites[i], i);
  }
  graph->lint();
  module_ = std::move(copy);
}

Instance Program::instantiate(const std::string& rule, const std::vector<SiteTensors>& states) const {
  // A shallow copy has attributes of its own and shares weights and code. A model that writes into itself needs a deep
  // one, or streams would meet.
  auto instance = std::make_shared<Module>(changes_itself_ ? module_->deepcopy() : module_->copy());
  instance->setattr(kRuleAttribute, rule);
  for (std::size_t i = 0; i < states.size(); ++i) {
    instance->setattr(attribute(i, "running"), states[i].running);
    instance->setattr(attribute(i, "counters"), states[i].counters);
    instance->setattr(attribute(i, "last"), states[i].last);
  }
  return Instance(std::move(instance));
}

}  // namespace ttscale::graph
