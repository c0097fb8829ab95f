// SPDX-License-Identifier: MIT
// Takes the site operators out of a rewritten graph again and writes what they do into the layers around them.
#include <map>

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/forward_frame.h"
#include "graph/node.h"
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

constexpr const char* kOwnAttributes = "_ttscale_";

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

class Baker {
 public:
  Baker(const Module& module, const std::vector<RewrittenSite>& sites, const std::vector<FixedMoments>& fixed,
        std::optional<double> eps)
      : module_(module.clone()),
        graph_(module_.get_method("forward").graph()),
        sites_(sites),
        fixed_(fixed),
        eps_(eps) {
    count_attributes();
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

  /// How many nodes read each attribute: only one that a single layer reads may change in place. Attributes that are
  /// one tensor under two names count as one.
  void count_attributes() {
    for_each_node(*graph_->block(), [&](Node& node, bool) {
      for (Value* input : node.inputs()) {
        if (input->node()->kind() == c10::prim::GetAttr) {
          const auto origin = trace_origin(*input, module_);
          if (origin && origin->value.isTensor()) {
            ++readers_[origin->value.toTensor().unsafeGetTensorImpl()];
          }
        }
      }
    });
  }

  /// A value that holds `tensor` in the place of input `index`: the attribute that was there, with a new content, or a
  /// constant.
  void set_input(Node& node, std::size_t index, const at::Tensor& tensor) {
    Value& old = *node.inputs().at(index);
    const auto origin = trace_origin(old, module_);
    const bool known = origin && origin->value.isTensor() && origin->value.toTensor().defined();
    const bool attribute = known && old.node()->kind() == c10::prim::GetAttr && !origin->path.empty() &&
                           readers_[origin->value.toTensor().unsafeGetTensorImpl()] == 1;
    const at::Tensor like = known ? origin->value.toTensor() : at::Tensor();
    at::Tensor value = tensor.to(known ? like.device() : device_, known ? like.scalar_type() : type_);
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
    const auto running = trace_origin(*layer.inputs().at(kRunningMean), module_);
    if (running && running->value.isTensor()) {  // the type of what was None
      type_ = running->value.toTensor().scalar_type();
      device_ = running->value.toTensor().device();
    }
    set_input(layer, kWeight, weight ? *weight * affine.scale : affine.scale);
    set_input(layer, kBias, bias ? *bias * affine.scale + affine.shift : affine.shift);
    return true;
  }

  /// Any other layer: a batch_norm with mean 0 and variance 1 is an affine map on channels of any shape.
  Value* insert_affine(Node& before, Value* x, const Affine& affine) {
    const torch::jit::WithInsertPoint here(&before);
    const auto constant = [&](const at::Tensor& t) { return graph_->insertConstant(t.to(device_, type_)); };
    return insert_batch_norm(before, x, constant(affine.scale), constant(affine.shift),
                             constant(at::zeros_like(affine.shift)), constant(at::ones_like(affine.shift)),
                             graph_->insertConstant(0.0));
  }

  void remove_own_attributes() {
    const auto type = module_.type();
    for (std::size_t i = type->numAttributes(); i-- > 0;) {
      const std::string name = type->getAttributeName(i);
      if (name.rfind(kOwnAttributes, 0) == 0) {
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
  std::map<const c10::TensorImpl*, int> readers_;
  at::Device device_{at::kCPU};
  at::ScalarType type_ = at::kFloat;
};

}  // namespace

torch::jit::Module Program::bake(const std::vector<FixedMoments>& fixed, std::optional<double> eps) const {
  return Baker(*module_, sites_, fixed, eps).bake();
}

}  // namespace ttscale::graph
