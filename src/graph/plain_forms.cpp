// SPDX-License-Identifier: MIT
// freeze, optimize_for_inference, channels_last.
#include "graph/plain_forms.h"

#include <memory>
#include <set>
#include <sstream>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/archive.h"
#include "graph/call.h"
#include "graph/walk.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using torch::jit::Module;

constexpr std::int64_t kImageDimensions = 4;
constexpr double kOtherClasses = 0.01;

/// A copy in evaluation mode that shares the weights.
Module at_rest(const Module& module) {
  Module copy = module.clone();
  copy.eval();
  return copy;
}

bool is_tensor_constant(const torch::jit::Node& node) {
  return node.kind() == c10::prim::Constant && node.hasAttribute(c10::attr::value) &&
         node.kindOf(c10::attr::value) == torch::jit::AttributeKind::t;
}

at::Tensor channels_last(const at::Tensor& tensor) {
  const bool is_map = tensor.defined() && tensor.layout() == at::kStrided && tensor.dim() == kImageDimensions;
  return is_map ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

/// Weights are attributes of the modules, and in frozen models constants of the graph. The copy gets tensors of its
/// own: those of the caller stay as they are.
Module in_channels_last(const Module& module) {
  const at::NoGradGuard no_grad;
  Module copy = at_rest(module);
  for (Module part : copy.modules()) {
    for (const auto& parameter : part.named_parameters(/*recurse=*/false)) {
      part.setattr(parameter.name, channels_last(parameter.value));
    }
    for (const auto& buffer : part.named_buffers(/*recurse=*/false)) {
      part.setattr(buffer.name, channels_last(buffer.value));
    }
  }
  for_each_node(*copy.get_method("forward").graph()->block(), [](torch::jit::Node& node, bool) {
    if (is_tensor_constant(node)) {
      node.t_(c10::attr::value, channels_last(node.t(c10::attr::value)));
    }
  });
  return copy;
}

Module frozen(const Module& module) { return torch::jit::freeze(at_rest(module)); }

Module optimized(const Module& module) {
  Module copy = at_rest(module);
  return torch::jit::optimize_for_inference(copy);
}

}  // namespace

Forward forward_of(const Module& module, const CallOptions& call) {
  return [module = Module(module), call](const at::Tensor& images) mutable {
    const at::NoGradGuard no_grad;
    return run_forward(module, call, images);
  };
}

PlainForm plain_form(const std::string& name, const std::function<Module()>& make, const CallOptions& call,
                     at::MemoryFormat images) {
  PlainForm form{name, {}, images, {}};
  try {
    form.forward = forward_of(make(), call);
  } catch (const std::exception& error) {
    form.why_not = "LibTorch cannot make it: " + reason(error);
  }
  return form;
}

std::vector<PlainForm> plain_forms(const Module& module, const CallOptions& call) {
  check_signature(module, call);
  PlainForm original = plain_form(
      "original", [&] { return at_rest(module); }, call);
  if (!original.forward) {
    throw ModelError("the model cannot be copied; " + original.why_not);
  }
  return {std::move(original),
          plain_form(
              "frozen", [&] { return frozen(module); }, call),
          plain_form(
              "optimized", [&] { return optimized(module); }, call),
          plain_form(
              "channels_last", [&] { return in_channels_last(module); }, call, at::MemoryFormat::ChannelsLast)};
}

double form_tolerance(at::ScalarType type) {
  // 16-bit numbers have 8 or 11 digits, and every layer rounds.
  return type == at::kHalf || type == at::kBFloat16 ? 0.05 : 1e-3;
}

std::optional<std::string> difference(const at::Tensor& expected, const at::Tensor& found) {
  if (expected.sizes() != found.sizes()) {
    return "its output is " + c10::str(found.sizes()) + ", the original's " + c10::str(expected.sizes());
  }
  if (expected.scalar_type() != found.scalar_type()) {
    return c10::str("its output is ", found.scalar_type(), ", the original's ", expected.scalar_type());
  }
  if (expected.numel() == 0) {
    return std::nullopt;
  }
  if (!expected.is_floating_point()) {  // classes: rounding decides between two now and then
    const double other = (expected.cpu() != found.cpu()).to(at::kDouble).mean().item<double>();
    return other <= kOtherClasses
               ? std::nullopt
               : std::optional(c10::str("its output differs from the original's in ", other * 100, " % of its values"));
  }
  const at::Tensor a = expected.detach().cpu().to(at::kDouble).flatten();
  const at::Tensor b = found.detach().cpu().to(at::kDouble).flatten();
  const at::Tensor same = (a == b).logical_or(a.isnan().logical_and(b.isnan()));  // Inf, too
  const at::Tensor distance = (a - b).abs().masked_fill(same, 0);
  const double scale = at::where(a.isfinite(), a.abs(), at::zeros_like(a)).max().item<double>();
  const double worst = distance.max().item<double>();  // NaN where one of the two is
  if (worst <= form_tolerance(expected.scalar_type()) * scale) {
    return std::nullopt;
  }
  std::ostringstream text;
  text.precision(3);
  text << "its output differs from the original's by " << worst << ", where the largest value is " << scale;
  return text.str();
}

std::int64_t parameter_bytes(const Module& module) {
  std::set<const void*> seen;
  std::int64_t bytes = 0;
  const auto add = [&](const at::Tensor& tensor) {
    if (tensor.defined() && !tensor.is_mkldnn() && tensor.has_storage() &&
        seen.insert(tensor.storage().unsafeGetStorageImpl()).second) {
      bytes += static_cast<std::int64_t>(tensor.nbytes());
    }
  };
  for (const at::Tensor& parameter : module.parameters()) {
    add(parameter);
  }
  for (const at::Tensor& buffer : module.buffers()) {
    add(buffer);
  }
  const auto graph = module.get_method("forward").graph()->copy();
  inline_calls(*graph);
  for_each_node(*graph->block(), [&](torch::jit::Node& node, bool) {
    if (is_tensor_constant(node)) {
      add(node.t(c10::attr::value));
    }
  });
  return bytes;
}

}  // namespace ttscale::graph
