// SPDX-License-Identifier: MIT
// Output moments by running statistics and parameters.
#include "graph/stored_moments.h"

#include <ATen/ATen.h>

namespace ttscale::graph {
namespace {

at::Tensor values(const Origin& origin) { return origin.value.toTensor().detach().to(at::kCPU, at::kDouble); }

}  // namespace

std::optional<stats::Moments> stored_moments(const FoundSite& found) {
  if (found.site.feature || !found.site.adaptable || !found.var || found.site.eps < 0) {
    return std::nullopt;
  }
  const at::Tensor var = values(*found.var);
  const at::Tensor scale = found.weight ? values(*found.weight) : at::ones_like(var);
  const at::Tensor shift = found.bias ? values(*found.bias) : at::zeros_like(var);
  return stats::Moments{shift, scale.square() * var / (var + found.site.eps)};
}

}  // namespace ttscale::graph
