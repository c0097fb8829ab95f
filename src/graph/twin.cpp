// SPDX-License-Identifier: MIT
// Matches folded convolutions by their numbers: names and order need not survive folding.
#include "graph/twin.h"

#include <algorithm>

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/model_copy.h"
#include "graph/node.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using torch::jit::Module;
using torch::jit::Node;

/// A convolution and its batch_norm, folded in float64.
struct Pair {
  at::Tensor weight, bias;
  ReferenceSite reference;  ///< without a name
  bool taken = false;
};

std::optional<Pair> fold(const FoundSite& norm, const Module& module) {
  Node& node = *norm.node;
  Node& convolution = *node.inputs().at(kInput)->node();
  if (!norm.site.adaptable || !is_convolution(convolution)) {
    return std::nullopt;
  }
  const auto weight = known_tensor(convolution, kConvolutionWeight, module);
  const std::int64_t outputs = output_dimension(convolution, module);
  if (!weight || weight->size(outputs) != norm.site.channels) {
    return std::nullopt;
  }
  const at::Tensor mean = norm.mean->value.toTensor().detach().to(at::kCPU, at::kDouble);
  const at::Tensor var = norm.var->value.toTensor().detach().to(at::kCPU, at::kDouble);
  const at::Tensor gamma = known_tensor(node, kWeight, module).value_or(at::ones_like(var));
  const at::Tensor beta = known_tensor(node, kBias, module).value_or(at::zeros_like(var));
  const at::Tensor a = gamma / (var + norm.site.eps).sqrt();
  std::vector<std::int64_t> per_output(static_cast<std::size_t>(weight->dim()), 1);
  per_output[static_cast<std::size_t>(outputs)] = -1;
  const at::Tensor bias = known_tensor(convolution, kConvolutionBias, module).value_or(at::zeros_like(var));
  return Pair{*weight * a.view(per_output),
              (bias - mean) * a + beta,
              {{}, beta, a.square() * var, a.square() * norm.site.eps, 0},
              false};
}

/// Folding computes in the model's own precision, which may be half.
bool agree(const at::Tensor& a, const at::Tensor& b) {
  constexpr double kRelative = 1e-2;
  const double size = std::max(a.abs().max().item<double>(), b.abs().max().item<double>());
  return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() <= kRelative * size;
}

}  // namespace

TwinMatch match_twin(const Module& folded, const Module& twin) {
  const ModelCopy original = copy_model(twin);
  std::vector<Pair> pairs;
  for (const FoundSite& norm : original.found.sites) {
    if (auto pair = fold(norm, *original.module)) {
      pairs.push_back(std::move(*pair));
    }
  }
  if (pairs.empty()) {
    throw ModelError(
        "the twin has no BatchNorm behind a convolution; name the model as it was before freeze folded it");
  }
  const ModelCopy copy = copy_model(folded);
  TwinMatch out;
  for (const FoundSite& feature : copy.found.features) {
    if (feature.site.kind != "convolution" || !feature.site.adaptable) {
      continue;
    }
    const auto weight = known_tensor(*feature.node, kConvolutionWeight, *copy.module);
    const auto bias = known_tensor(*feature.node, kConvolutionBias, *copy.module);
    const auto fits = [&](const Pair& p) {
      return weight && bias && weight->sizes() == p.weight.sizes() && agree(*weight, p.weight) && agree(*bias, p.bias);
    };
    auto pair = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& p) { return !p.taken && fits(p); });
    if (pair == pairs.end()) {  // freezing unrolls loops and repeats shared layers
      pair = std::find_if(pairs.begin(), pairs.end(), fits);
    }
    if (pair != pairs.end()) {
      pair->taken = true;
      out.sites.push_back(pair->reference);
      out.sites.back().name = feature.site.name;
    } else {
      out.unmatched += feature.site.chosen ? 1 : 0;
    }
  }
  if (out.sites.empty()) {
    throw ModelError("no convolution of the model is one of the twin with its BatchNorm folded in (" +
                     std::to_string(pairs.size()) +
                     " pairs compared); are they the same training? calibrate on images instead");
  }
  return out;
}

}  // namespace ttscale::graph
