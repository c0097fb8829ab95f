// SPDX-License-Identifier: MIT
// A number of what a model holds: names of operators in order, parameters, buffers and constant tensors.
#include <set>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "base/hash.h"
#include "graph/fingerprint.h"
#include "graph/own_attributes.h"
#include "graph/simplify.h"
#include "graph/walk.h"
#include "ops/forward.h"
#include "ops/norm.h"
#include "ops/observe.h"
#include "ops/restandardize.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

void add(Hash& hash, const at::Tensor& tensor) {
  const at::Tensor dense = (tensor.is_mkldnn() ? tensor.to_dense() : tensor).detach().cpu().contiguous();
  hash.add(c10::str(dense.scalar_type(), dense.sizes()));
  hash.add({static_cast<const char*>(dense.data_ptr()), dense.nbytes()});
}

/// What the node was before rewriting; empty for what rewriting adds, removes, or may change the number of.
std::string original_operator(const torch::jit::Node& node) {
  const std::string kind = node.kind().toQualString();
  if (kind == ops::kNormOperator) {
    return "aten::batch_norm";
  }
  const bool added = kind == ops::kRestandardizeOperator || kind == ops::kObserveOperator ||
                     kind == ops::kBeginOperator || kind == ops::kFinishOperator || kind == "prim::GetAttr";
  return added || kind == "aten::add_" ? std::string() : kind;  // add_: the batch counter of a trace in training mode
}

}  // namespace

std::string fingerprint(const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) {
    throw ModelError("the module has no forward method; save the module whose forward(images) returns the scores");
  }
  Hash hash;
  for (const auto& parameter : module.named_parameters()) {
    hash.add(parameter.name);
    add(hash, parameter.value);
  }
  for (const auto& buffer : module.named_buffers()) {
    if (!is_own_attribute(buffer.name)) {
      hash.add(buffer.name);
      add(hash, buffer.value);
    }
  }
  const auto graph = forward->graph()->copy();
  simplify(*graph, module);         // as a rewritten copy
  std::set<std::string> constants;  // a set: rewriting repeats some
  for_each_node(*graph->block(), [&](torch::jit::Node& node, bool) {
    if (node.kind() == c10::prim::Constant || node.kind() == c10::prim::ConstantMKLDNNTensor) {
      const auto constant = trace_origin(*node.output(), module);
      if (constant && constant->value.isTensor() && constant->value.toTensor().defined()) {
        Hash one;
        add(one, constant->value.toTensor());
        constants.insert(one.text());
      }
    } else if (const std::string operation = original_operator(node); !operation.empty()) {
      hash.add(operation);
    }
  });
  for (const std::string& constant : constants) {
    hash.add(constant);
  }
  return hash.text();
}

std::string fingerprint(const std::vector<at::Tensor>& tensors) {
  Hash hash;
  for (const at::Tensor& tensor : tensors) {
    add(hash, tensor);
  }
  return hash.text();
}

}  // namespace ttscale::graph
