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
enum ConvolutionInput : std::size_t { kX, kWeight, kBias, kStride, kPadding, kDilation, kGroups, kGroupsOfGeneral = 8 };

/// Both sides from one number, where the model gives one.
std::optional<std::vector<std::int64_t>> sides(Node& node, std::size_t input, const Module& module) {
  auto out = known_ints(*node.inputs().at(input), module);
  if (out && out->size() == 1) {
    out->push_back(out->front());
  }
  return out && out->size() == 2 ? out : std::nullopt;
}

std::optional<ops::ConvolutionOptions> options_of(Node& node, const Module& module) {
  const std::string kind = kind_of(node);
  const bool general = starts_with(kind, "aten::_convolution") || kind == "aten::convolution";
  const std::size_t groups_at = general ? kGroupsOfGeneral : kGroups;
  if ((!general && kind != "aten::conv2d") || node.inputs().size() <= groups_at ||
      output_dimension(node, module) != 0) {
    return std::nullopt;
  }
  const auto weight = tensor_origin(node, kWeight, module);
  const auto bias = tensor_origin(node, kBias, module);
  const auto stride = sides(node, kStride, module);
  const auto padding = sides(node, kPadding, module);
  const auto dilation = sides(node, kDilation, module);
  const auto groups = torch::jit::toIValue(node.inputs().at(groups_at));
  if (!weight || (!bias && !is_none(node, kBias, module)) || !stride || !padding || !dilation || !groups ||
      !groups->isInt()) {
    return std::nullopt;
  }
  const at::Tensor w = weight->value.toTensor();
  if (w.dim() != 4 || w.layout() != at::kStrided) {
    return std::nullopt;
  }
  ops::ConvolutionOptions out{w, {}, *stride, *padding, *dilation, groups->toInt()};
  if (bias) {
    out.bias = bias->value.toTensor().detach();
  }
  return out;
}

}  // namespace

std::int64_t pack_convolutions(Module& module, Graph& graph) {
  std::int64_t packed = 0;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    // A fork has a module of its own.
    const auto options = forked || !is_convolution(node) ? std::nullopt : options_of(node, module);
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
