// SPDX-License-Identifier: MIT
// A number that two models share only if they compute alike: operators in order, parameters, buffers and constants.
#include <array>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/fingerprint.h"
#include "graph/simplify.h"
#include "graph/walk.h"
#include "ops/forward.h"
#include "ops/norm.h"
#include "ops/observe.h"
#include "ops/restandardize.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

/// FNV-1a on words of eight bytes: told apart are models, not attackers.
class Hash {
 public:
  void add(std::string_view bytes) {
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      mix(word);
    }
    for (; i < bytes.size(); ++i) {
      mix(static_cast<unsigned char>(bytes[i]));
    }
    mix(bytes.size());
  }
  void add(const at::Tensor& tensor) {
    const at::Tensor dense = (tensor.is_mkldnn() ? tensor.to_dense() : tensor).detach().cpu().contiguous();
    add(c10::str(dense.scalar_type(), dense.sizes()));
    add({static_cast<const char*>(dense.data_ptr()), dense.nbytes()});
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 17> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(state_));
    return hex.data();
  }

 private:
  void mix(std::uint64_t word) { state_ = (state_ ^ word) * 1099511628211ULL; }

  std::uint64_t state_ = 14695981039346656037ULL;
};

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
    hash.add(parameter.value);
  }
  for (const auto& buffer : module.named_buffers()) {
    if (buffer.name.rfind("_ttscale_", 0) != 0) {
      hash.add(buffer.name);
      hash.add(buffer.value);
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
        one.add(constant->value.toTensor());
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
    hash.add(tensor);
  }
  return hash.text();
}

}  // namespace ttscale::graph
