// SPDX-License-Identifier: MIT
// What a stream runs: a rewritten module with state of its own, in whichever of its forms does the same sooner.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <ATen/core/Tensor.h>

#include "graph/optimized_form.h"
#include "graph/sampler.h"
#include "ttscale/options.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// A rewritten module with the state of one stream. Shares weights and code with all other instances of its program.
class Instance {
 public:
  Instance(std::shared_ptr<torch::jit::Module> module, CallOptions call)
      : module_(std::move(module)), call_(std::move(call)) {}

  /// `fast` is the same in the optimised form. Under a rule that samples `sampler` tells which images are not measured,
  /// and `unmeasured` whether they may run folded, apart from the others.
  Instance(std::shared_ptr<torch::jit::Module> module, CallOptions call, std::shared_ptr<OptimizedForm> form,
           std::shared_ptr<torch::jit::Module> fast, std::shared_ptr<OptimizedForm> unmeasured,
           std::optional<Sampler> sampler);

  /// Runs forward on images (graph/call.h), in the optimised form where there is one that computes the same.
  /// `restart` must bring the state back to where it was before the call: the two forms may have to be tried.
  at::Tensor forward(const at::Tensor& images, const std::function<void()>& restart);

 private:
  std::shared_ptr<torch::jit::Module> module_;
  CallOptions call_;
  std::shared_ptr<OptimizedForm> form_;
  std::shared_ptr<torch::jit::Module> fast_;
  std::shared_ptr<OptimizedForm> unmeasured_;
  std::optional<Sampler> sampler_;  ///< where the rule samples
};

}  // namespace ttscale::graph
