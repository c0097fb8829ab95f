// SPDX-License-Identifier: MIT
// The forms in which LibTorch runs a model without adapting it: what adapting is to be compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ttscale/options.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Images [N, C, H, W] -> the output that counts, computed without gradients.
using Forward = std::function<at::Tensor(const at::Tensor&)>;

/// Runs a module as it is (graph/call.h). Throws what run_forward() throws.
Forward forward_of(const torch::jit::Module& module, const CallOptions& call);

/// One form of a model.
struct PlainForm {
  std::string name;
  Forward forward;                                         ///< empty where LibTorch cannot make the form
  at::MemoryFormat images = at::MemoryFormat::Contiguous;  ///< the order in memory that it is meant to be given
  std::string why_not;                                     ///< of a form that cannot be made, one line
};

/// `make` as a form, or its exception as the reason for there being none.
PlainForm plain_form(const std::string& name, const std::function<torch::jit::Module()>& make, const CallOptions& call,
                     at::MemoryFormat images = at::MemoryFormat::Contiguous);

/// `original` (a copy at rest), `frozen` (torch::jit::freeze), `optimized` (torch::jit::optimize_for_inference) and
/// `channels_last` (weights and images in that order), in this order. The caller's module is not changed. Throws
/// ModelError if it cannot be copied or cannot be called (check_signature()).
std::vector<PlainForm> plain_forms(const torch::jit::Module& module, const CallOptions& call);

/// Largest |a - b| that passes for rounding, as a share of the largest |a|: forms sum in other orders.
double form_tolerance(at::ScalarType type);

/// Why `found` is not the output `expected` but for rounding, in words; nothing if it is. NaN equals NaN.
/// Of integers one in a hundred may be another.
std::optional<std::string> difference(const at::Tensor& expected, const at::Tensor& found);

/// Bytes of parameters, buffers and constants of the forward graph, each storage once.
std::int64_t parameter_bytes(const torch::jit::Module& module);

}  // namespace ttscale::graph
