// SPDX-License-Identifier: MIT
// LibTorch's own pickling.
#include "graph/pickle.h"

#include <torch/csrc/jit/serialization/pickle.h>

namespace ttscale::graph {

std::string pickle(const c10::IValue& value) {
  const std::vector<char> bytes = torch::jit::pickle_save(value);
  return {bytes.begin(), bytes.end()};
}

c10::IValue unpickle(const std::string& bytes) { return torch::jit::pickle_load({bytes.begin(), bytes.end()}); }

}  // namespace ttscale::graph
