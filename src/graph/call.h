// SPDX-License-Identifier: MIT
// How a model is called: which of its arguments takes the images, and which of its outputs counts.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "ttscale/options.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Throws ModelError unless the module has a forward whose argument `call.input_index` takes a tensor and whose other
/// arguments need not be given; UsageError if there is no such argument.
void check_signature(const torch::jit::Module& module, const CallOptions& call);

/// Runs forward with the images, and returns the output that `call.output` names, or else the only tensor, or the first
/// one of shape [N, K]. Throws ModelError (one line) if the model fails or returns no such tensor, UsageError if the
/// name is not among the outputs.
at::Tensor run_forward(torch::jit::Module& module, const CallOptions& call, const at::Tensor& images);

/// The same, but throws what LibTorch throws if the model fails: the images need not be to blame.
at::Tensor try_forward(torch::jit::Module& module, const CallOptions& call, const at::Tensor& images);

/// Puts a method of ours ahead of the model: `source` defines it under `name`, from images to images. The method itself
/// does not stay. Must come before the module's first run, and calls must be inlined.
void prepend_script(torch::jit::Module& module, const CallOptions& call, const std::string& name,
                    const std::string& source);

}  // namespace ttscale::graph
