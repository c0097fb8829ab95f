// SPDX-License-Identifier: MIT
// aten::conv2d, aten::_convolution and aten::convolution with known settings become ttscale::convolution.
#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/node.h"
#include "graph/optimize.h"
#include "ops/packed_convolution.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;

/// Of aten::conv2d, and the first ones of the general operators, which go on with transposed, output_padding, groups.
enum ConvolutionInput : std::size_t {
  kX,
  kWeight,
  kBias,
  kStride,
  kPadding,
  kDilation,
  kGroups,
  kTransposedOfGeneral = 6,
  kGroupsOfGeneral = 8
};

/// What the graph holds as a constant. What a branch may give (trace_origin() looks through them) is none.
c10::optional<c10::IValue> constant(Node& node, std::size_t input) {
  return torch::jit::toIValue(node.inputs().at(input));
}

/// Both sides from one number, where the model gives one.
std::optional<std::vector<std::int64_t>> sides(Node& node, std::size_t input) {
  const auto value = constant(node, input);
  std::vector<std::int64_t> out;
  if (value && value->isIntList()) {
    out = value->toIntVector();
  } else if (node.inputs().at(input)->node()->kind() == c10::prim::ListConstruct) {
    for (const torch::jit::Value* element : node.inputs().at(input)->node()->inputs()) {
      const auto number = torch::jit::toIValue(element);
      if (!number || !number->isInt()) {
        return std::nullopt;
      }
      out.push_back(number->toInt());
    }
  }
  if (out.size() == 1) {
    out.push_back(out.front());
  }
  return out.size() == 2 ? std::optional(out) : std::nullopt;
}

bool is_false(Node& node, std::size_t input) {
  const auto value = constant(node, input);
  return value && value->isBool() && !value->toBool();
}

std::optional<ops::ConvolutionOptions> options_of(Node& node) {
  const std::string kind = kind_of(node);
  const bool general = starts_with(kind, "aten::_convolution") || kind == "aten::convolution";
  const std::size_t groups_at = general ? kGroupsOfGeneral : kGroups;
  if ((!general && kind != "aten::conv2d") || node.inputs().size() <= groups_at ||
      (general && !is_false(node, kTransposedOfGeneral))) {
    return std::nullopt;
  }
  const auto weight = constant(node, kWeight);
  const auto bias = constant(node, kBias);
  const auto stride = sides(node, kStride);
  const auto padding = sides(node, kPadding);
  const auto dilation = sides(node, kDilation);
  const auto groups = constant(node, groups_at);
  if (!weight || !weight->isTensor() || !bias || !(bias->isNone() || bias->isTensor()) || !stride || !padding ||
      !dilation || !groups || !groups->isInt()) {
    return std::nullopt;
  }
  const at::Tensor w = weight->toTensor();
  if (w.dim() != 4 || w.layout() != at::kStrided) {
    return std::nullopt;
  }
  ops::ConvolutionOptions out{w, {}, *stride, *padding, *dilation, groups->toInt()};
  if (bias->isTensor()) {
    out.bias = bias->toTensor().detach();
  }
  return out;
}

}  // namespace

std::int64_t pack_convolutions(Module& module, Graph& graph) {
  std::int64_t packed = 0;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    // A fork has a module of its own.
    const auto options = forked || !is_convolution(node) ? std::nullopt : options_of(node);
    if (!options) {
      return;
    }
    const std::string name = "_ttscale_convolution_" + std::to_string(packed);
    module.register_attribute(name, c10::getCustomClassType<c10::intrusive_ptr<ops::PackedConvolution>>(),
                              c10::make_intrusive<ops::PackedConvolution>(*options));
    const torch::jit::WithInsertPoint here(&node);
    torch::jit::Value* object = graph.insertGetAttr(graph.inputs().at(0), name);
    Node* convolution = graph.insertNode(
        graph.create(c10::Symbol::fromQualString(ops::kConvolutionOperator), {node.inputs().at(kX), object}, 1));
    convolution->copyMetadata(&node);
    convolution->output()->setType(c10::TensorType::get());
    node.output()->replaceAllUsesWith(convolution->output());
    node.destroy();
    ++packed;
  });
  return packed;
}

}  // namespace ttscale::graph
