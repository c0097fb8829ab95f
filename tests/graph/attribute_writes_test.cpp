// SPDX-License-Identifier: MIT
// Which models write into themselves.
#include <gtest/gtest.h>

#include <string>

#include <torch/script.h>

#include "graph/model_copy.h"

namespace ttscale::graph {
namespace {

/// A model with buffers whose forward begins with a statement.
bool writes(const std::string& statement) {
  torch::jit::Module module("m");
  module.register_buffer("memory", at::zeros({4}));
  module.register_buffer("other", at::zeros({4}));
  module.register_buffer("num_batches_tracked", at::zeros({1}, at::kLong));
  module.define("def forward(self, x):\n  " + statement + "\n  return x.mean([2, 3])\n");
  return copy_model(module).found.operators.count(kAttributeChange) > 0;
}

TEST(AttributeWrites, AreSeenThroughViews) {
  for (const char* statement : {
           "self.memory.add_(1)",
           "self.memory[0] = x.mean()",
           "self.memory[0] += 1",
           "self.memory[1:3] *= 2.0",
           "self.memory.view(-1).add_(1)",
           "self.memory.view([2, 2]).t()[0].copy_(x.mean())",
           "a, b = self.memory.split([2, 2])\n  b.add_(1)",
           "self.memory.unbind()[1].add_(1)",
           "self.memory.detach().add_(1)",
           "self.memory.data.add_(1)",
           "m = self.memory if x.size(0) > 1 else self.other\n  m.add_(1)",
           "m = self.memory\n  for i in range(x.size(0)):\n    m = m.add_(1)",
           "m = x\n  for i in range(x.size(0)):\n    m = self.memory[1:]\n  m.add_(1)",
           "torch.add(self.memory, self.other, out=self.memory[:])",
       }) {
    EXPECT_TRUE(writes(statement)) << statement;
  }
}

TEST(AttributeWrites, AreNotWhatIsWrittenElsewhere) {
  for (const char* statement : {
           "x.add_(1)",
           "x[0] = self.memory[0]",
           "y = x.view(-1) + self.memory[0]\n  y.relu_()",
           "m = self.memory.clone()\n  m[0] = 1.0",
           "m = self.memory + 1\n  m[0] += 1",
           "kept = [self.memory]\n  kept.append(x)",
           "self.num_batches_tracked.add_(1)",
           "self.num_batches_tracked[0] += 1",
       }) {
    EXPECT_FALSE(writes(statement)) << statement;
  }
}

}  // namespace
}  // namespace ttscale::graph
