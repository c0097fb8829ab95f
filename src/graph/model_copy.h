// SPDX-License-Identifier: MIT
// A private copy of a caller's module whose forward graph may be edited, and the edits that every use of it needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/sites.h"

namespace ttscale::graph {

/// A clone with its calls inlined, at rest (dropout, running statistics), and what was found in it.
struct ModelCopy {
  std::shared_ptr<torch::jit::Module> module;
  std::shared_ptr<torch::jit::Graph> graph;  ///< of forward; edit it before the module's first run
  FoundSites found;
  at::Device device{at::kCPU};  ///< of its parameters or constants
};

/// Throws ModelError if the module cannot be copied.
ModelCopy copy_model(const torch::jit::Module& module);

/// The normalisation layers and the feature sites of a copy in order of execution.
std::vector<FoundSite> in_order(const ModelCopy& copy);

/// Whether a name passes one of the patterns (fnmatch(3)); a pattern that names a layer means all its calls: "bn" also
/// "bn#2".
bool matches(const std::string& name, const std::vector<std::string>& patterns);

/// A value that reads the attribute `path` of the module, made just before `node`.
torch::jit::Value* read_attribute(torch::jit::Graph& graph, torch::jit::Node& node,
                                  const std::vector<std::string>& path);

/// Makes `op`(value, attributes...) after the node of a feature site, and hands its result to all that took the value,
/// or to its one consumer. `attributes` are names of attributes of the module.
void insert_at(torch::jit::Graph& graph, const FoundSite& site, const char* op,
               const std::vector<std::string>& attributes);

}  // namespace ttscale::graph
