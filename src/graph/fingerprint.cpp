// SPDX-License-Identifier: MIT
// A number that two models share only if they compute alike: operators in order, parameters, buffers and constants.
#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/rewrite.h"
#include "graph/walk.h"

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
    const at::Tensor dense = tensor.detach().cpu().contiguous();
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

}  // namespace

std::string Program::fingerprint() const {
  Hash hash;
  for (const auto& parameter : module_->named_parameters()) {
    hash.add(parameter.name);
    hash.add(parameter.value);
  }
  for (const auto& buffer : module_->named_buffers()) {
    if (buffer.name.rfind("_ttscale_", 0) != 0) {
      hash.add(buffer.name);
      hash.add(buffer.value);
    }
  }
  for_each_node(*module_->get_method("forward").graph()->block(), [&](torch::jit::Node& node, bool) {
    hash.add(node.kind().toQualString());
    if (node.kind() == c10::prim::Constant) {
      const auto constant = torch::jit::toIValue(node.output());
      if (constant && constant->isTensor()) {
        hash.add(constant->toTensor());
      }
    }
  });
  return hash.text();
}

}  // namespace ttscale::graph
