// SPDX-License-Identifier: MIT
#include "graph/instance.h"

#include <utility>

#include <ATen/ATen.h>

#include <torch/csrc/jit/api/module.h>

#include "graph/call.h"
#include "stats/finite.h"

namespace ttscale::graph {

Instance::Instance(std::shared_ptr<torch::jit::Module> module, CallOptions call, std::shared_ptr<OptimizedForm> form,
                   std::shared_ptr<torch::jit::Module> fast, std::shared_ptr<OptimizedForm> unmeasured,
                   std::optional<Sampler> sampler)
    : module_(std::move(module)),
      call_(std::move(call)),
      form_(std::move(form)),
      fast_(std::move(fast)),
      unmeasured_(std::move(unmeasured)),
      sampler_(std::move(sampler)) {}

at::Tensor Instance::forward(const at::Tensor& images, const std::function<void()>& restart) {
  const auto plain = [&](const at::Tensor& x) { return run_forward(*module_, call_, x); };
  if (form_ == nullptr) {
    return plain(images);
  }
  const auto fast = [&](const at::Tensor& x) {
    // What goes in and out lies as callers expect it.
    return try_forward(*fast_, call_, x.dim() == 4 ? x.contiguous(at::MemoryFormat::ChannelsLast) : x).contiguous();
  };
  const auto whole = [&](const at::Tensor& x) { return form_->run(x, fast, plain, restart); };
  if (!sampler_) {
    return whole(images);
  }
  // oneDNN's activations turn NaN into numbers.
  if (!stats::all_finite(images).item<bool>()) {
    return plain(images);
  }
  const Sampler::Share share = sampler_->next_share(images);
  if (!form_->refusal().empty() || share == Sampler::Share::kAll) {
    return whole(images);
  }
  // What is folded has a verdict of its own: the first images of a stream are measured, and need not show it.
  if (share == Sampler::Share::kNone) {
    return unmeasured_->run(images, fast, plain, restart);
  }
  const auto in_parts = [&](const at::Tensor& x) { return sampler_->run_in_parts(x, fast); };
  return unmeasured_->run(images, in_parts, whole, restart);
}

}  // namespace ttscale::graph
