// SPDX-License-Identifier: MIT
// Finds the normalisation layers of a graph and says of each whether it can be adapted.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/walk.h"
#include "ttscale/inspect.h"

namespace ttscale::graph {

/// Positions of the inputs of aten::batch_norm.
enum BatchNormInput : std::size_t { kInput = 0, kWeight, kBias, kRunningMean, kRunningVar, kTraining, kMomentum, kEps };

/// A site and what is behind it in the graph.
struct FoundSite {
  Site site;
  torch::jit::Node* node = nullptr;      ///< the batch_norm; for a feature site the node that computes `value`
  std::optional<Origin> mean, var;       ///< running statistics of an adaptable batch_norm
  std::optional<Origin> weight, bias;    ///< and its parameters, where it has any
  torch::jit::Value* value = nullptr;    ///< what is re-standardised against a reference
  torch::jit::Node* consumer = nullptr;  ///< the one node that takes the re-standardised value; nullptr: all do
  bool suggested = true;                 ///< false: for those only who ask for it by name or kind
  bool channels_last = false;            ///< channels are the last dimension of `value`, as in tokens [N, T, C]
};

/// The key in `operators` of nodes by which a model changes its own attributes.
inline constexpr const char* kAttributeChange = "change of an attribute";

/// The key in `operators` of feature sites of an archive that is adapted already, and the kind of its BatchNorms.
inline constexpr const char* kAdaptedSite = "adapted feature site";
inline constexpr const char* kAdaptedKind = "norm";

/// The key in `operators` of mobile operators that could not be unpacked, and of those that were (graph/prepacked.h).
inline constexpr const char* kPackedOperator = "packed mobile operator";
inline constexpr const char* kUnpackedOperator = "unpacked mobile operator";

/// What is said of a site that runs several times in one forward. Each pass is a batch of its own to the rule, as it is
/// to BatchNorm in training mode; the stream's statistics and the reference pool all passes.
inline constexpr const char* kInLoop = "in a loop: its passes share one state";

/// What a graph holds.
struct FoundSites {
  std::vector<FoundSite> sites;     ///< normalisation layers in order of execution, names unique
  std::vector<FoundSite> features;  ///< candidates for re-standardisation, likewise
  std::vector<FoundSite> others;    ///< outputs of other layers, for those who ask for them by name or kind
  std::map<std::string, std::int64_t> operators;  ///< see Inspection::operators
  bool traced_in_training = false;                ///< a batch_norm has the constant training=True
};

/// Gives names to sites whose attribute path is missing (constants of a frozen graph) or repeats (a shared layer).
void make_names_unique(std::vector<FoundSite>& sites);

/// Simplifies a graph of the module (graph/simplify.h) and searches it.
FoundSites find_sites(torch::jit::Graph& graph, const torch::jit::Module& module);

/// Whether the graph holds our operators, and what is said of that.
bool is_adapted(const FoundSites& found);
inline constexpr const char* kAdaptedAlready = "the model is adapted already; bring the archive that it was made from";

/// The one line that says what can be adapted, and if nothing, what was found in place of it and what to do.
std::string summarise(const FoundSites& found);

}  // namespace ttscale::graph
