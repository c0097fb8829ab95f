// SPDX-License-Identifier: MIT
// clone -> inline -> find -> quiet.
#include "graph/model_copy.h"

#include <algorithm>
#include <map>

#include <fnmatch.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/archive.h"
#include "graph/other_layers.h"
#include "ttscale/error.h"

namespace ttscale::graph {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

namespace {

Module clone(const Module& module) {
  try {
    return module.clone();
  } catch (const std::exception& error) {  // attributes may be objects with code of their own
    throw ModelError("the model cannot be copied: " + reason(error));
  }
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

/// Where the model lives: its first parameter, buffer or constant tensor tells.
at::Device device_of(const Module& module, Graph& graph) {
  for (const at::Tensor& parameter : module.parameters()) {
    return parameter.device();
  }
  for (const at::Tensor& buffer : module.buffers()) {
    return buffer.device();
  }
  at::Device device{at::kCPU};
  for_each_node(*graph.block(), [&](Node& node, bool) {
    if (node.kind() == c10::prim::Constant && node.output()->type()->isSubtypeOf(*c10::TensorType::get())) {
      const auto constant = trace_origin(*node.output(), module);
      if (constant && constant->value.isTensor() && constant->value.toTensor().is_cuda()) {
        device = constant->value.toTensor().device();
      }
    }
  });
  return device;
}

}  // namespace

ModelCopy copy_model(const Module& module) {
  ModelCopy copy;
  copy.module = std::make_shared<Module>(clone(module));
  copy.module->eval();
  copy.graph = copy.module->get_method("forward").graph();
  copy.found = find_sites(*copy.graph, *copy.module);
  if (copy.found.traced_in_training) {
    quiet_training_trace(*copy.graph, *copy.module);
    copy.found.others = find_other_layers(*copy.graph, *copy.module);  // some nodes are gone
  }
  copy.device = device_of(*copy.module, *copy.graph);
  return copy;
}

std::vector<FoundSite> in_order(const ModelCopy& copy) {
  std::vector<FoundSite> out = copy.found.sites;
  out.insert(out.end(), copy.found.features.begin(), copy.found.features.end());
  out.insert(out.end(), copy.found.others.begin(), copy.found.others.end());
  std::map<const Node*, std::size_t> position;
  for_each_node(*copy.graph->block(), [&](Node& node, bool) { position.emplace(&node, position.size()); });
  std::stable_sort(out.begin(), out.end(),
                   [&](const FoundSite& a, const FoundSite& b) { return position[a.node] < position[b.node]; });
  return out;
}

bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  const std::string layer = name.substr(0, name.find('#'));
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) {
    return fnmatch(p.c_str(), name.c_str(), 0) == 0 || fnmatch(p.c_str(), layer.c_str(), 0) == 0;
  });
}

Value* read_attribute(Graph& graph, Node& node, const std::vector<std::string>& path) {
  const torch::jit::WithInsertPoint here(&node);
  Value* value = graph.inputs().at(0);
  for (const std::string& name : path) {
    value = graph.insertGetAttr(value, name);
  }
  return value;
}

namespace {

/// Inserts `node` behind `value`.
void insert_behind(Value& value, Node& node) {
  if (value.node()->kind() == c10::prim::Param) {
    value.node()->owningBlock()->prependNode(&node);
  } else {
    node.insertAfter(value.node());
  }
}

/// The value with a dimension moved, behind the node that gives it.
Value* move_dimension(Graph& graph, Value& value, std::int64_t from, std::int64_t to) {
  Node* node = graph.create(c10::aten::movedim, {&value}, 1);
  insert_behind(value, *node);
  const torch::jit::WithInsertPoint here(node);
  node->addInput(graph.insertConstant(from));
  node->addInput(graph.insertConstant(to));
  node->output()->setType(c10::TensorType::get());
  return node->output();
}

}  // namespace

void insert_at(Graph& graph, const FoundSite& site, const char* op, const std::vector<std::string>& attributes) {
  // Whoever took the value before, but none of the nodes that are made now.
  std::vector<torch::jit::Use> uses = site.value->uses();
  Value* features = site.channels_last ? move_dimension(graph, *site.value, -1, 1) : site.value;
  Node* node = graph.create(c10::Symbol::fromQualString(op), {features}, 1);
  insert_behind(*features, *node);
  for (const std::string& name : attributes) {
    node->addInput(read_attribute(graph, *node, {name}));
  }
  node->output()->setType(c10::TensorType::get());
  Value* result = site.channels_last ? move_dimension(graph, *node->output(), 1, -1) : node->output();
  if (site.consumer != nullptr) {
    const auto inputs = site.consumer->inputs();
    if (std::find(inputs.begin(), inputs.end(), site.value) == inputs.end()) {
      throw ModelError(site.site.name +
                       " and a site behind the layer that gives its features cannot both be adapted; "
                       "calibrate one of them");
    }
    site.consumer->replaceInputWith(site.value, result);
    return;
  }
  for (const torch::jit::Use& use : uses) {
    use.user->replaceInput(use.offset, result);
  }
}

}  // namespace ttscale::graph
