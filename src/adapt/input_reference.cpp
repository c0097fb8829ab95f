// SPDX-License-Identifier: MIT
// The reference of input scalings, on either side of Normalize.
#include "adapt/input_reference.h"

#include <ATen/ATen.h>

namespace ttscale {
namespace {

std::vector<double> values_of(const at::Tensor& t) {
  const at::Tensor dense = t.contiguous();
  return {dense.data_ptr<double>(), dense.data_ptr<double>() + dense.numel()};
}

}  // namespace

InputScaling with_reference(InputScaling scaling, InputSpace space, const std::vector<double>& mean,
                            const std::vector<double>& std, const std::optional<Reference>& reference) {
  const bool pixels = space == InputSpace::kPixels;
  if (auto* standardize = std::get_if<Standardize>(&scaling)) {
    standardize->mean = pixels ? mean : std::vector<double>{0};
    standardize->std = pixels ? std : std::vector<double>{1};
    if (reference && reference->input_mean.defined()) {  // of normalised images; as pixels they are x * scale + shift
      const at::Tensor shift = at::tensor(standardize->mean, at::kDouble);
      const at::Tensor scale = at::tensor(standardize->std, at::kDouble);
      standardize->mean = values_of(reference->input_mean * scale + shift);
      standardize->std = values_of(reference->input_var.sqrt() * scale);
    }
  } else if (auto* min_max = std::get_if<MinMax>(&scaling); min_max != nullptr && !pixels) {
    min_max->mean = mean;
    min_max->std = std;
  }
  return scaling;
}

}  // namespace ttscale
