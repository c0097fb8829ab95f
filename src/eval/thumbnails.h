// SPDX-License-Identifier: MIT
// The image of a sample as its domain shows it, and a small picture of it for reports.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "eval/options.h"
#include "eval/result.h"
#include "eval/setup.h"

namespace ttscale::eval {

/// The image [H, W, 3] under the shift of the sample's domain; the image itself if it has none.
at::Tensor shifted(const at::Tensor& hwc, const data::Sample& sample, const Setup& setup, const EvalOptions& options);

/// PNG bytes of what the model saw of an example, before normalisation, at most 128 pixels a side. Throws what
/// image::decode() throws.
std::string thumbnail(const Example& example, const Setup& setup, const EvalOptions& options);

}  // namespace ttscale::eval
