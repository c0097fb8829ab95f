// SPDX-License-Identifier: MIT
// Access to labels, and texts about tensors.
#include "metrics/labels.h"

#include <sstream>

#include "ttscale/error.h"

namespace ttscale::metrics {

const std::int64_t* labels_of(const at::Tensor& labels, std::size_t count, const std::string& user) {
  const bool ok = labels.defined() && labels.dim() == 1 && labels.scalar_type() == at::kLong &&
                  labels.device().is_cpu() && labels.is_contiguous() &&
                  labels.size(0) == static_cast<std::int64_t>(count);
  if (!ok) {
    throw UsageError(user + ": expected one int64 label on the CPU for each of " + std::to_string(count) +
                     " predictions, found " + describe(labels));
  }
  return labels.data_ptr<std::int64_t>();
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    return "no tensor";
  }
  std::ostringstream text;
  text << tensor.dtype() << ' ' << tensor.sizes();
  return text.str();
}

}  // namespace ttscale::metrics
