// SPDX-License-Identifier: MIT
// Which convolutions had a BatchNorm, seen from what is around them.
#include "graph/features.h"

#include <algorithm>
#include <set>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/node.h"

namespace ttscale::graph {
namespace {

using torch::jit::Block;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

bool one_of(const std::string& kind, std::initializer_list<const char*> kinds) {
  return std::any_of(kinds.begin(), kinds.end(), [&](const char* k) { return kind == k; });
}

bool is_linear(const Node& node) {
  return one_of(kind_of(node), {"aten::linear", "aten::addmm", "aten::matmul", "aten::mm", "aten::bmm", "aten::baddbmm",
                                "aten::einsum", "aten::scaled_dot_product_attention", "prim::mkldnn_linear"});
}

bool is_normalisation(const Node& node) {
  const std::string kind = kind_of(node);
  return kind.find("_norm") != std::string::npos && kind != "aten::linalg_vector_norm" && kind != "aten::norm";
}

/// Operators that only give another form to a tensor.
bool is_layout(const Node& node) {
  return one_of(kind_of(node),
                {"aten::view", "aten::reshape", "aten::flatten", "aten::permute", "aten::transpose", "aten::contiguous",
                 "aten::to", "aten::to_dense", "aten::to_mkldnn", "aten::clone", "aten::squeeze", "aten::unsqueeze",
                 "aten::dropout", "aten::dropout_", "aten::feature_dropout", "prim::BroadcastMKLDNNTensors"});
}

/// The layout operators by which channels become the last dimension.
bool makes_tokens(const Node& node) {
  return one_of(kind_of(node), {"aten::permute", "aten::transpose", "aten::flatten", "aten::view", "aten::reshape"});
}

std::optional<std::vector<std::int64_t>> constant_ints(Value& value, const Module& module) {
  const auto origin = trace_origin(value, module);
  if (origin && origin->value.isIntList()) {
    return origin->value.toIntVector();
  }
  if (origin && origin->value.isInt()) {
    return std::vector<std::int64_t>{origin->value.toInt()};
  }
  if (value.node()->kind() == c10::prim::ListConstruct) {
    std::vector<std::int64_t> out;
    for (Value* element : value.node()->inputs()) {
      const auto number = trace_origin(*element, module);
      if (!number || !number->value.isInt()) {
        return std::nullopt;
      }
      out.push_back(number->value.toInt());
    }
    return out;
  }
  return std::nullopt;
}

/// Pooling to one value a channel, as ahead of squeeze-and-excitation gates and classifiers.
bool is_global_pooling(Node& node, const Module& module) {
  const std::string kind = kind_of(node);
  if (starts_with(kind, "aten::adaptive_") && node.inputs().size() > 1) {
    const auto size = constant_ints(*node.inputs()[1], module);
    return size && std::all_of(size->begin(), size->end(), [](std::int64_t n) { return n == 1; });
  }
  if (kind == "aten::mean" && node.inputs().size() > 1) {
    const auto dims = constant_ints(*node.inputs()[1], module);
    return dims && dims->size() > 1;
  }
  return false;
}

/// Whether the value was pooled to one value a channel on its way here, through convolutions and pointwise operators.
bool is_pooled(Value& value, const Module& module) {
  constexpr int kSteps = 12;  // gates are two convolutions with an activation between
  Value* current = &value;
  for (int step = 0; step < kSteps; ++step) {
    Node& node = *current->node();
    if (is_global_pooling(node, module)) {
      return true;
    }
    const bool follows = is_convolution(node) || is_layout(node) ||
                         (starts_with(kind_of(node), "aten::") && node.inputs().size() <= 5 && !is_linear(node) &&
                          !one_of(kind_of(node), {"aten::add", "aten::add_", "aten::mul", "aten::mul_", "aten::cat"}));
    if (!follows || node.inputs().empty()) {
      return false;
    }
    current = node.inputs()[0];
  }
  return false;
}

/// Operators that put a value into a list or dictionary, which is their first input and comes out changed.
bool is_put_into_container(const Node& node) {
  return one_of(kind_of(node), {"aten::_set_item", "aten::append", "aten::insert", "aten::extend"});
}

/// Where a value goes: the nodes that take it, for a value that leaves a block the output it becomes, and for one that
/// is put into a list or dictionary that container.
struct Uses {
  std::vector<Node*> nodes;
  std::vector<Value*> continued;
  bool leaves_graph = false;
};

Uses uses_of(Value& value) {
  Uses out;
  for (const auto& use : value.uses()) {
    if (use.user->kind() != c10::prim::Return) {
      out.nodes.push_back(use.user);
      if (use.offset > 0 && is_put_into_container(*use.user)) {
        out.continued.push_back(use.user->inputs().at(0));
      }
      continue;
    }
    Node* owner = use.user->owningBlock()->owningNode();
    if (owner == nullptr) {
      out.leaves_graph = true;
    } else if (owner->kind() == c10::prim::If) {
      out.continued.push_back(owner->outputs().at(use.offset));
    } else if (owner->kind() == c10::prim::Loop && use.offset > 0) {
      out.continued.push_back(owner->outputs().at(use.offset - 1));
    }
  }
  return out;
}

/// Follows a value forward through nodes for which `through` holds, and calls `visit` for all nodes met; `visit` says
/// whether to stop the whole search.
template <typename Through, typename Visit>
bool search_forward(Value& start, Through through, Visit visit) {
  std::vector<Value*> open{&start};
  std::set<const Value*> seen{&start};
  const auto push = [&](Value* value) {
    if (seen.insert(value).second) {
      open.push_back(value);
    }
  };
  while (!open.empty()) {
    Value& value = *open.back();
    open.pop_back();
    const Uses uses = uses_of(value);
    for (Value* next : uses.continued) {
      push(next);
    }
    for (Node* node : uses.nodes) {
      if (visit(*node)) {
        return true;
      }
      if (through(*node)) {
        for (Value* output : node->outputs()) {
          push(output);
        }
      }
    }
  }
  return false;
}

bool normalisation_follows(Value& value) { return search_forward(value, is_layout, is_normalisation); }

bool tokens_follow(Value& value) {
  const Uses uses = uses_of(value);
  return !uses.nodes.empty() && std::all_of(uses.nodes.begin(), uses.nodes.end(), [](const Node* node) {
    return makes_tokens(*node) || kind_of(*node) == "aten::size";
  }) && search_forward(value, is_layout, [](const Node& node) {
    return one_of(kind_of(node), {"aten::permute", "aten::transpose"});
  });
}

/// Whether the value comes from a layer that normalises each image by its own statistics, with no activation between:
/// so are the convolutions of networks with LayerNorm or GroupNorm placed (ConvNeXt's between its stages).
bool is_normalised(Value& value) {
  Value* current = &value;
  while (is_layout(*current->node()) && !current->node()->inputs().empty()) {
    current = current->node()->inputs()[0];
  }
  return one_of(kind_of(*current->node()), {"aten::layer_norm", "aten::native_layer_norm", "aten::group_norm",
                                            "aten::native_group_norm", "aten::instance_norm"});
}

/// Whether no layer with weights comes after: what is left are pooling, resizing and the like.
bool is_last_layer(Value& value) {
  const auto has_weights = [](const Node& node) {
    return is_convolution(node) || is_linear(node) || is_normalisation(node);
  };
  return !search_forward(
      value, [&](const Node& node) { return !has_weights(node); }, has_weights);
}

/// Why a convolution is not chosen; empty if it is.
std::string why_not(Node& node, const Module& module) {
  if (!has_bias(node, module)) {
    return "no bias: no BatchNorm was folded into it";
  }
  Value& output = *node.output();
  if (normalisation_follows(output)) {
    return "a normalisation layer follows";
  }
  if (is_normalised(*node.inputs().at(0))) {
    return "takes what a layer normalised that needs no BatchNorm behind it";
  }
  if (is_last_layer(output)) {
    return "the classifier: its output is the model's";
  }
  if (is_pooled(*node.inputs().at(0), module)) {
    return "works on pooled features (a gate or a head), where no BatchNorm was";
  }
  if (tokens_follow(output)) {
    return "makes tokens for a network without BatchNorm";
  }
  return {};
}

FoundSite convolution_site(Node& node, bool forked, const Module& module) {
  FoundSite found;
  found.node = &node;
  found.value = node.output();
  Site& site = found.site;
  site.feature = true;
  site.affine = true;
  site.kind = "convolution";
  site.name = parameter_owner(node, kConvolutionWeight, module);
  if (starts_with(kind_of(node), "prepacked::")) {
    site.note =
        "a packed mobile operator that does not give its weights back, with the activation inside, after which moments "
        "are not those of BatchNorm; bring the archive as it was saved before optimize_for_mobile";
    return found;
  }
  site.channels = output_channels(node, module);
  if (forked) {
    site.note = "inside torch.jit.fork, whose graph has no access to a stream's state; call the layer outside the fork";
    return found;
  }
  site.adaptable = true;
  site.note = why_not(node, module);
  site.chosen = site.note.empty();
  if (site.chosen) {
    // A graph does not tell them apart from convolutions that never had one (AlexNet, SqueezeNet); both adapt alike.
    site.note = "has a bias, as a folded BatchNorm leaves it";
  }
  if (in_loop(node)) {
    site.note += std::string("; ") + kInLoop;
  }
  return found;
}

/// The node that computes the last layer's output, and the input that holds its features.
std::optional<FoundSite> features_of_last_layer(Node* last, const Module& module) {
  if (last == nullptr) {
    return std::nullopt;
  }
  const std::size_t input = kind_of(*last) == "aten::addmm" ? 1 : 0;
  FoundSite found;
  found.value = last->inputs().at(input);
  found.node = found.value->node();
  found.consumer = last;
  found.site.feature = true;
  found.site.kind = "features";
  found.site.name = "features";
  const auto weight = trace_origin(*last->inputs().at(input + 1), module);
  if (!weight || !weight->value.isTensor() || weight->value.toTensor().dim() != 2) {
    return std::nullopt;
  }
  // linear holds [out, in], addmm and matmul take the transposed.
  found.site.channels = weight->value.toTensor().size(kind_of(*last) == "aten::linear" ? 1 : 0);
  found.site.adaptable = true;
  return found;
}

}  // namespace

std::vector<FoundSite> find_features(torch::jit::Graph& graph, const Module& module, bool norm_sites) {
  std::vector<FoundSite> out;
  Node* last_linear = nullptr;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    if (is_convolution(node)) {
      out.push_back(convolution_site(node, forked, module));
    } else if (is_linear(node) && !forked && is_last_layer(*node.output())) {
      last_linear = &node;
    }
  });
  const bool convolutions = std::any_of(out.begin(), out.end(), [](const FoundSite& f) { return f.site.chosen; });
  if (auto features = features_of_last_layer(last_linear, module)) {
    features->site.chosen = !norm_sites && !convolutions;
    features->site.note = features->site.chosen
                              ? "the input of the last layer; gains are small in networks without BatchNorm"
                              : "the input of the last layer; layers before it are better";
    features->site.note += in_loop(*last_linear) ? std::string("; ") + kInLoop : std::string();
    out.push_back(std::move(*features));
  }
  make_names_unique(out);
  return out;
}

}  // namespace ttscale::graph
