// SPDX-License-Identifier: MIT
// The operators around a rewritten forward: ttscale::begin ahead of everything, ttscale::finish at the scores.
#pragma once

#include "ttscale/options.h"

namespace torch::jit {
struct Graph;
}

namespace ttscale::graph {

/// Puts begin at the start of the graph, and finish at every tensor that it returns and that `call.output` may mean:
/// the output named there, or all (the first of shape [N, K] counts). Outputs are found where the graph itself makes
/// the tuple, list or dictionary it returns; otherwise the rule gets no scores. `stream` and `rule` are attributes of
/// the module.
void insert_frame(torch::jit::Graph& graph, const CallOptions& call, const char* stream, const char* rule);

/// Takes begin and finish out again.
void remove_frame(torch::jit::Graph& graph);

}  // namespace ttscale::graph
