// SPDX-License-Identifier: MIT
// inspect(): sites of a module without touching it.
#include "ttscale/inspect.h"

#include <algorithm>

#include <torch/script.h>

#include "graph/archive.h"
#include "graph/sites.h"
#include "ttscale/error.h"

namespace ttscale {

std::int64_t Inspection::adaptable() const {
  return std::count_if(sites.begin(), sites.end(), [](const Site& site) { return site.adaptable; });
}

std::int64_t Inspection::chosen() const {
  return std::count_if(features.begin(), features.end(), [](const Site& site) { return site.chosen; });
}

Inspection inspect(const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) {
    throw ModelError("the module has no forward method; save the module whose forward(images) returns the scores");
  }
  const auto graph = forward->graph()->copy();  // inlining changes a graph
  graph::FoundSites found = graph::find_sites(*graph, module);
  Inspection out;
  out.summary = graph::summarise(found);
  out.operators = std::move(found.operators);
  for (auto& site : found.sites) {
    out.sites.push_back(std::move(site.site));
  }
  for (auto& feature : found.features) {
    out.features.push_back(std::move(feature.site));
  }
  return out;
}

Inspection inspect(const std::filesystem::path& archive) { return inspect(graph::load(archive)); }

}  // namespace ttscale
