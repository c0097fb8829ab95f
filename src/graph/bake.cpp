// SPDX-License-Identifier: MIT
// Takes the site operators out of a rewritten graph again and writes what they do into the layers around them.
#include <map>
#include <set>
#include <string>

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/forward_frame.h"
#include "graph/node.h"
#include "graph/own_attributes.h"
#include "graph/rewrite.h"
#include "graph/sites.h"
#include "ops/norm.h"
#include "ops/restandardize.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

/// y = x * scale + shift per channel, float64, on the CPU.
struct Affine {
  at::Tensor scale, shift;
};

/// What a feature site does once its statistics are fixed.
Affine affine_of(const RewrittenSite& site, const FixedMoments& fixed) {
  const at::Tensor alive = site.var > 0;  // a channel without variance passes through
  const at::Tensor one = at::ones_like(site.var);
  const at::Tensor scale = at::where(alive, ((site.var + site.eps) / (fixed.var + site.eps)).sqrt(), one);
  return {scale, at::where(alive, site.mean - fixed.mean * scale, at::zeros_like(one))};
}

/// Where a tensor is, and of what type.
struct Place {
  at::Device device;
  at::ScalarType type;
};

/// The type of the model's first floating-point parameter, buffer or constant; empty if it has none.
std::optional<at::ScalarType> floating_type(const Module& module, Graph& graph) {
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.is_floating_point()) {
      return parameter.scalar_type();
    }
  }
  for (const auto& buffer : module.named_buffers()) {
    if (buffer.value.is_floating_point() && !is_own_attribute(buffer.name)) {
      return buffer.value.scalar_type();
    }
  }
  std::optional<at::ScalarType> type;
  for_each_node(*graph.block(), [&](Node& node, bool) {
    if (node.kind() == c10::prim::Constant || node.kind() == c10::prim::ConstantMKLDNNTensor) {
      const auto constant = trace_origin(*node.output(), module);
      const bool tensor = constant && constant->value.isTensor() && constant->value.toTensor().defined();
      // Traces hold plain numbers as tensors without dimensions, of double precision in any model.
      if (!type && tensor && constant->value.toTensor().dim() > 0 && constant->value.toTensor().is_floating_point()) {
        type = constant->value.toTensor().scalar_type();
      }
    }
  });
  return type;
}

class Baker {
 public:
  /// `forward_methods`: those that forward was inlined from.
  Baker(const Module& module, const std::vector<RewrittenSite>& sites, const std::vector<FixedMoments>& fixed,
        std::optional<double> eps, const at::Device& device, const std::set<std::string>& forward_methods)
      : module_(module.clone()),
        graph_(module_.get_method("forward").graph()),
        sites_(sites),
        fixed_(fixed),
        eps_(eps),
        // batch_norm takes single precision beside activations in half.
        place_{device, floating_type(module_, *graph_) == at::kDouble ? at::kDouble : at::kFloat} {
    torch::jit::EliminateDeadCode(graph_);  // rewriting leaves behind what chose the statistics of a batch_norm
    count_attributes(*graph_);
    for (const torch::jit::Method& method : module_.get_methods()) {
      if (forward_methods.count(method.name()) == 0) {
        const auto other = method.graph()->copy();
        inline_calls(*other);
        count_attributes(*other);
      }
    }
  }

  Module bake() {
    std::vector<Node*> nodes;
    for_each_node(*graph_->block(), [&](Node& node, bool) {
      const std::string kind = kind_of(node);
      if (kind == ops::kNormOperator || kind == ops::kRestandardizeOperator) {
        nodes.push_back(&node);
      }
    });
    for (Node* node : nodes) {
      if (kind_of(*node) == ops::kNormOperator) {
        bake_norm(*node);
      } else {
        bake_feature(*node);
      }
    }
    remove_frame(*graph_);
    torch::jit::EliminateDeadCode(graph_);
    remove_own_attributes();
    graph_->lint();
    return module_;
  }

 private:
  static std::size_t site_of(Node& node, std::size_t running) {
    const std::string name = node.inputs().at(running)->node()->s(c10::attr::name);
    return std::stoul(name.substr(std::string(kOwnAttributes).size()));
  }

  /// How many inputs of nodes and outputs of branches read each attribute, in forward and in methods that it does not
  /// call: only one that a single layer reads may change in place. Attributes that are one tensor under two names count
  /// as one.
  void count_attributes(Graph& graph) {
    for_each_node(*graph.block(), [&](Node& node, bool) {
      if (node.kind() == c10::prim::GetAttr) {
        const auto origin = trace_origin(*node.output(), module_);
        if (origin && origin->value.isTensor()) {
          readers_[origin->value.toTensor().unsafeGetTensorImpl()] += node.output()->uses().size();
        }
      } else if (node.kind() != c10::prim::SetAttr) {
        for (Value* input : node.inputs()) {
          count_object(*input);
        }
      }
    });
  }

  /// Whoever is given a whole layer (a fork, a call through an interface) may read all of it.
  void count_object(Value& value) {
    const auto kind = value.type()->kind();
    if (kind != c10::TypeKind::ClassType && kind != c10::TypeKind::InterfaceType) {
      return;
    }
    const auto origin = trace_origin(value, module_);
    if (!origin || !origin->value.isModule()) {
      return;
    }
    const Module layer = origin->value.toModule();
    for (const at::Tensor& parameter : layer.parameters()) {
      ++readers_[parameter.unsafeGetTensorImpl()];
    }
    for (const at::Tensor& buffer : layer.buffers()) {
      ++readers_[buffer.unsafeGetTensorImpl()];
    }
  }

  void set_input(Node& node, std::size_t index, const at::Tensor& tensor) { set_input(node, index, tensor, place_); }

  /// A value that holds `tensor` in the place of input `index`: the attribute that was there, with a new content, or a
  /// constant; where nothing was there, of place `otherwise`.
  void set_input(Node& node, std::size_t index, const at::Tensor& tensor, const Place& otherwise) {
    Value& old = *node.inputs().at(index);
    const auto origin = trace_origin(old, module_);
    const bool known = origin && origin->value.isTensor() && origin->value.toTensor().defined();
    const bool attribute = known && old.node()->kind() == c10::prim::GetAttr && !origin->path.empty() &&
                           readers_[origin->value.toTensor().unsafeGetTensorImpl()] == 1;
    const at::Tensor like = known ? origin->value.toTensor() : at::Tensor();
    const at::Tensor value =
        tensor.to(known ? like.device() : otherwise.device, known ? like.scalar_type() : otherwise.type);
    if (attribute) {
      const at::NoGradGuard no_grad;
      origin->value.toTensor().detach().copy_(value);
      return;
    }
    const torch::jit::WithInsertPoint here(&node);
    node.replaceInput(index, known && like.is_mkldnn() ? insert_mkldnn(value) : graph_->insertConstant(value));
  }

  /// optimize_for_inference keeps weights in mkldnn layout, in a constant of its own kind.
  Value* insert_mkldnn(const at::Tensor& value) {
    Node* constant = graph_->create(c10::prim::ConstantMKLDNNTensor);
    constant->t_(c10::attr::value, value.to_mkldnn());
    constant->output()->setType(c10::TensorType::get());
    return graph_->insertNode(constant)->output();
  }

  Value* insert_batch_norm(Node& before, Value* x, Value* weight, Value* bias, Value* mean, Value* var, Value* eps) {
    const torch::jit::WithInsertPoint here(&before);
    Node* node =
        graph_->create(c10::aten::batch_norm, {x, weight, bias, mean, var, graph_->insertConstant(false),
                                               graph_->insertConstant(0.1), eps, graph_->insertConstant(true)});
    node->insertBefore(&before);
    node->output()->setType(before.output()->type());
    return node->output();
  }

  void replace(Node& node, Value* by) {
    node.output()->replaceAllUsesWith(by);
    node.destroy();
  }

  void bake_norm(Node& node) {
    const FixedMoments& fixed = fixed_[site_of(node, ops::kNormRunning)];
    set_input(node, ops::kNormSourceMean, fixed.mean);
    set_input(node, ops::kNormSourceVar, fixed.var);
    const auto in = [&](std::size_t i) { return node.inputs().at(i); };
    Value* eps = in(ops::kNormEps);
    if (eps_) {
      const torch::jit::WithInsertPoint here(&node);
      eps = graph_->insertConstant(*eps_);
    }
    replace(node, insert_batch_norm(node, in(ops::kNormX), in(ops::kNormWeight), in(ops::kNormBias),
                                    in(ops::kNormSourceMean), in(ops::kNormSourceVar), eps));
  }

  void bake_feature(Node& node) {
    const std::size_t site = site_of(node, ops::kRestandardizeRunning);
    const Affine affine = affine_of(sites_[site], fixed_[site]);
    Value* x = node.inputs().at(ops::kRestandardizeX);
    if (!(fold_into_convolution(*x, affine) || fold_into_batch_norm(*x, affine))) {
      x = insert_affine(node, x, affine);
    }
    replace(node, x);
  }

  bool fold_into_convolution(Value& x, const Affine& affine) {
    Node& layer = *x.node();
    if (!is_convolution(layer) || x.uses().size() != 1 || !has_bias(layer, module_)) {
      return false;
    }
    const auto weight = known_tensor(layer, kConvolutionWeight, module_);
    const auto bias = known_tensor(layer, kConvolutionBias, module_);
    const std::int64_t outputs = output_dimension(layer, module_);
    if (!weight || !bias || weight->size(outputs) != affine.scale.numel()) {
      return false;
    }
    std::vector<std::int64_t> per_output(static_cast<std::size_t>(weight->dim()), 1);
    per_output[static_cast<std::size_t>(outputs)] = -1;
    set_input(layer, kConvolutionWeight, *weight * affine.scale.view(per_output));
    set_input(layer, kConvolutionBias, *bias * affine.scale + affine.shift);
    return true;
  }

  bool fold_into_batch_norm(Value& x, const Affine& affine) {
    Node& layer = *x.node();
    if (layer.kind() != c10::aten::batch_norm || x.uses().size() != 1) {
      return false;
    }
    const auto weight = known_tensor(layer, kWeight, module_);
    const auto bias = known_tensor(layer, kBias, module_);
    Place place = place_;  // of what was None
    if (const auto running = tensor_origin(layer, kRunningMean, module_)) {
      place = {running->value.toTensor().device(), running->value.toTensor().scalar_type()};
    }
    set_input(layer, kWeight, weight ? *weight * affine.scale : affine.scale, place);
    set_input(layer, kBias, bias ? *bias * affine.scale + affine.shift : affine.shift, place);
    return true;
  }

  /// Any other layer: a batch_norm with mean 0 and variance 1 is an affine map on channels of any shape.
  Value* insert_affine(Node& before, Value* x, const Affine& affine) {
    const torch::jit::WithInsertPoint here(&before);
    const auto constant = [&](const at::Tensor& t) { return graph_->insertConstant(t.to(place_.device, place_.type)); };
    return insert_batch_norm(before, x, constant(affine.scale), constant(affine.shift),
                             constant(at::zeros_like(affine.shift)), constant(at::ones_like(affine.shift)),
                             graph_->insertConstant(0.0));
  }

  void remove_own_attributes() {
    const auto type = module_.type();
    for (std::size_t i = type->numAttributes(); i-- > 0;) {
      const std::string name = type->getAttributeName(i);
      if (is_own_attribute(name)) {
        module_._ivalue()->unsafeRemoveAttr(name);
        type->unsafeRemoveAttribute(name);
      }
    }
  }

  Module module_;
  std::shared_ptr<Graph> graph_;
  const std::vector<RewrittenSite>& sites_;
  const std::vector<FixedMoments>& fixed_;
  std::optional<double> eps_;
  Place place_;  ///< of constants that nothing in the model stands for
  std::map<const c10::TensorImpl*, std::size_t> readers_;
};

}  // namespace

torch::jit::Module Program::bake(const std::vector<FixedMoments>& fixed, std::optional<double> eps) const {
  return Baker(*module_, sites_, fixed, eps, device_, forward_methods_).bake();
}

}  // namespace ttscale::graph
