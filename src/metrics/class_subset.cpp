// SPDX-License-Identifier: MIT
// Columns of logits and new class indices.
#include "metrics/class_subset.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

#include "metrics/labels.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

void check_class(std::int64_t index, std::int64_t outputs) {
  if (index < 0 || index >= outputs) {
    throw DataError("class subset: expected class indices below the model's " + std::to_string(outputs) +
                    " outputs, found " + std::to_string(index) + "; use the class list of this model");
  }
}

}  // namespace

ClassSubset::ClassSubset(std::vector<std::int64_t> classes, std::int64_t outputs) : classes_(std::move(classes)) {
  if (classes_.empty()) {
    throw DataError("class subset: expected at least one class, found none");
  }
  std::sort(classes_.begin(), classes_.end());
  std::for_each(classes_.begin(), classes_.end(), [outputs](std::int64_t index) { check_class(index, outputs); });
  const auto twice = std::adjacent_find(classes_.begin(), classes_.end());
  if (twice != classes_.end()) {
    throw DataError("class subset: expected each class once, found " + std::to_string(*twice) +
                    " twice; remove one of them");
  }
  positions_.assign(static_cast<std::size_t>(outputs), -1);
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    positions_[static_cast<std::size_t>(classes_[i])] = static_cast<std::int64_t>(i);
  }
}

at::Tensor ClassSubset::restrict_logits(const at::Tensor& logits) const {
  const auto outputs = static_cast<std::int64_t>(positions_.size());
  if (!logits.defined() || logits.dim() != 2 || logits.size(1) != outputs) {
    throw ModelError("class subset: expected logits [N, " + std::to_string(outputs) + "], found " + describe(logits) +
                     "; export the model so that forward() returns class logits");
  }
  return logits.index_select(1, at::tensor(classes_, at::kLong).to(logits.device()));
}

at::Tensor ClassSubset::restrict_labels(const at::Tensor& labels) const {
  if (!labels.defined() || labels.dim() != 1 || labels.scalar_type() != at::kLong) {
    throw DataError("class subset: expected int64 labels [N], found " + describe(labels));
  }
  at::Tensor result = labels.to(at::kCPU).clone(at::MemoryFormat::Contiguous);
  auto* label = result.data_ptr<std::int64_t>();
  std::for_each(label, label + result.numel(), [this](std::int64_t& index) {
    check_class(index, static_cast<std::int64_t>(positions_.size()));
    const std::int64_t position = positions_[static_cast<std::size_t>(index)];
    if (position < 0) {
      throw DataError("class subset: expected labels among its " + std::to_string(classes_.size()) +
                      " classes, found " + std::to_string(index) + "; add that class or remove its images");
    }
    index = position;
  });
  return result;
}

std::int64_t ClassSubset::output_of(std::int64_t index) const {
  if (index < -1 || index >= static_cast<std::int64_t>(classes_.size())) {
    throw UsageError("class subset: expected an index of its " + std::to_string(classes_.size()) + " classes, found " +
                     std::to_string(index));
  }
  return index < 0 ? -1 : classes_[static_cast<std::size_t>(index)];
}

}  // namespace ttscale::metrics
