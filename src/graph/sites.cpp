// SPDX-License-Identifier: MIT
// Recognises normalisation layers and the operators that explain their absence.
#include "graph/sites.h"

#include <algorithm>
#include <array>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/attribute_writes.h"
#include "graph/convolution.h"
#include "graph/features.h"
#include "graph/node.h"
#include "graph/other_layers.h"
#include "graph/simplify.h"
#include "ops/restandardize.h"

namespace ttscale::graph {
namespace {

using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

std::string unqualified(const std::string& kind) { return kind.substr(kind.find("::") + 2); }

std::string why_not_batch_norm(Node& node, bool forked, const FoundSite& found, const Module& module) {
  if (forked) {
    return "inside torch.jit.fork, whose graph has no access to a stream's state; call the layer outside the fork";
  }
  if (!found.mean || !found.var) {
    return is_none(node, kRunningMean, module)
               ? "no running statistics (track_running_stats=False): it already normalises by each batch's own"
               : "its running statistics are computed or chosen by the graph, so that there is no one source to start "
                 "from";
  }
  const at::Tensor& mean = found.mean->value.toTensor();
  if (mean.layout() != c10::kStrided) {
    return "its running statistics are in mkldnn layout; bring the model as it was before torch.utils.mkldnn.to_mkldnn";
  }
  if (!mean.is_floating_point()) {
    return "its running statistics are not floating point";
  }
  return {};
}

bool constant_true(Node& node, std::size_t input, const Module& module) {
  const auto origin = trace_origin(*node.inputs()[input], module);
  return origin && origin->path.empty() && origin->value.isBool() && origin->value.toBool();
}

FoundSite batch_norm_site(Node& node, bool forked, const Module& module) {
  FoundSite found;
  found.node = &node;
  found.value = node.output();
  found.mean = tensor_origin(node, kRunningMean, module);
  found.var = tensor_origin(node, kRunningVar, module);
  Site& site = found.site;
  site.kind = "batch_norm";
  found.weight = tensor_origin(node, kWeight, module);
  found.bias = tensor_origin(node, kBias, module);
  site.affine = found.weight || !is_none(node, kWeight, module);
  for (const auto& origin : {found.mean, found.var, found.weight, found.bias}) {
    if (origin && site.name.empty()) {
      site.name = owner_name(*origin);
    }
  }
  if (found.mean) {
    site.channels = found.mean->value.toTensor().numel();
  }
  if (const auto eps = trace_origin(*node.inputs()[kEps], module); eps && eps->value.isDouble()) {
    site.eps = eps->value.toDouble();
  }
  site.note = why_not_batch_norm(node, forked, found, module);
  site.adaptable = site.note.empty();
  if (site.adaptable && in_loop(node)) {
    site.note = kInLoop;
  }
  if (site.adaptable && constant_true(node, kTraining, module)) {
    site.note =
        "traced in training mode: untouched it uses each batch's statistics and overwrites its own; adapted, source "
        "means the stored ones";
  }
  return found;
}

struct OtherNorm {
  const char* kind;
  std::size_t weight;  // position of the weight input, for the name
  const char* why;
};
constexpr const char* kPerImage =
    "takes its statistics from each image already: nothing to adapt; --input standardize works ahead of it";
constexpr std::array<OtherNorm, 10> kOtherNorms{{
    {"aten::layer_norm", 2, kPerImage},
    {"aten::native_layer_norm", 2, kPerImage},
    {"aten::group_norm", 2, kPerImage},
    {"aten::native_group_norm", 1, kPerImage},
    {"aten::instance_norm", 1, kPerImage},
    {"aten::native_batch_norm", 1, "calls native_batch_norm directly; use torch.nn.functional.batch_norm in the model"},
    {"aten::_batch_norm_impl_index", 1,
     "calls a backend of batch_norm directly; use torch.nn.functional.batch_norm in the model"},
    {"aten::cudnn_batch_norm", 1, "calls cuDNN's batch_norm directly; use torch.nn.functional.batch_norm in the model"},
    {"aten::miopen_batch_norm", 1,
     "calls MIOpen's batch_norm directly; use torch.nn.functional.batch_norm in the model"},
    {"ttscale::norm", 1, "is adapted already; use the archive that this one was made from"},
}};

void name_by_weight(FoundSite& found, Node& node, std::size_t input, const Module& module) {
  if (const auto weight = tensor_origin(node, input, module)) {
    found.site.name = owner_name(*weight);
    found.site.channels = weight->value.toTensor().numel();
    found.site.affine = true;
  }
}

std::optional<FoundSite> other_norm_site(Node& node, const Module& module) {
  const std::string kind = kind_of(node);
  FoundSite found;
  found.node = &node;
  found.site.kind = unqualified(kind);
  if (starts_with(kind, "quantized::batch_norm")) {
    found.site.note = "quantized: integer arithmetic has its statistics baked in; bring the float model";
    return found;
  }
  if (kind == "aten::instance_norm" && tensor_origin(node, kRunningMean, module) &&
      !constant_true(node, kTraining, module)) {
    found.site.note =
        "normalises with running statistics of its own (track_running_stats=True), which ttscale does not adapt; "
        "BatchNorm with the same weights and statistics is the same layer in eval mode, and can be adapted";
    name_by_weight(found, node, kWeight, module);
    if (const auto mean = tensor_origin(node, kRunningMean, module); found.site.name.empty()) {
      found.site.name = owner_name(*mean);
      found.site.channels = mean->value.toTensor().numel();
    }
    return found;
  }
  const auto* other =
      std::find_if(kOtherNorms.begin(), kOtherNorms.end(), [&](const OtherNorm& norm) { return kind == norm.kind; });
  if (other == kOtherNorms.end()) {
    return std::nullopt;
  }
  found.site.note = other->why;
  name_by_weight(found, node, other->weight, module);
  return found;
}

void count_operator(Node& node, const Module& module, std::map<std::string, std::int64_t>& operators) {
  const std::string kind = kind_of(node);
  if (is_convolution(node) && !starts_with(kind, "prepacked::")) {
    ++operators[has_bias(node, module) ? "convolution with bias" : "convolution"];
  } else if (kind == ops::kRestandardizeOperator) {
    ++operators[kAdaptedSite];
  } else if (starts_with(kind, "quantized::")) {
    ++operators["quantized operator"];
  } else if (starts_with(kind, "prepacked::")) {
    ++operators[kPackedOperator];
  } else if (kind == "aten::linear" || kind == "aten::addmm") {
    ++operators["linear"];
  } else if (kind == "prim::CallMethod") {
    ++operators["call through an interface"];
  } else if (starts_with(kind, "aten::bernoulli") || starts_with(kind, "aten::rand") ||
             starts_with(kind, "aten::rrelu")) {
    ++operators["random operator"];
  } else if (changes_attribute(node)) {
    ++operators[kAttributeChange];
  }
}

}  // namespace

void make_names_unique(std::vector<FoundSite>& sites) {
  std::map<std::string, int> calls;
  std::map<std::string, int> nameless;
  for (FoundSite& found : sites) {
    std::string& name = found.site.name;
    if (name.empty()) {
      name = found.site.kind + "_" + std::to_string(nameless[found.site.kind]++);
    }
    const int call = ++calls[name];
    if (call > 1) {
      name += "#" + std::to_string(call);
    }
  }
}

FoundSites find_sites(torch::jit::Graph& graph, const Module& module) {
  FoundSites out;
  if (const std::int64_t unpacked = simplify(graph, module); unpacked > 0) {
    out.operators[kUnpackedOperator] = unpacked;
  }
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    if (node.kind() == c10::aten::batch_norm) {
      out.sites.push_back(batch_norm_site(node, forked, module));
      // Without running statistics training=True is what the layer is, in any mode.
      out.traced_in_training =
          out.traced_in_training || (constant_true(node, kTraining, module) && !is_none(node, kRunningMean, module));
    } else if (auto other = other_norm_site(node, module)) {
      out.sites.push_back(std::move(*other));
    } else {
      count_operator(node, module, out.operators);
    }
  });
  make_names_unique(out.sites);
  const bool norm_sites =
      std::any_of(out.sites.begin(), out.sites.end(), [](const FoundSite& found) { return found.site.adaptable; });
  out.features = find_features(graph, module, norm_sites);
  out.others = find_other_layers(graph, module);
  // A module of its own kind may hold a convolution and its BatchNorm; a reference must tell them apart.
  for (FoundSite& feature : out.features) {
    if (std::any_of(out.sites.begin(), out.sites.end(),
                    [&](const FoundSite& norm) { return norm.site.name == feature.site.name; })) {
      feature.site.name += "." + feature.site.kind;
    }
  }
  return out;
}

}  // namespace ttscale::graph
