// SPDX-License-Identifier: MIT
// Nearest labels under the geometry of their image.
#include "image/fit_labels.h"

#include <ATen/ATen.h>

#include "image/fit_geometry.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

void check_labels(const at::Tensor& labels) {
  if (!labels.defined() || labels.dim() != 2 || labels.scalar_type() != at::kLong || !labels.device().is_cpu() ||
      labels.numel() == 0) {
    throw UsageError("preprocess: expected int64 labels [H, W] on the CPU, found " + to_text(labels));
  }
}

at::Tensor take(const at::Tensor& labels, std::int64_t axis, std::int64_t scaled, const Span& span) {
  const std::vector<std::int64_t> sources = nearest_sources(labels.size(axis), scaled);
  const auto begin = sources.begin() + span.from;
  return labels.index_select(axis, at::tensor(std::vector<std::int64_t>(begin, begin + span.length), at::kLong));
}

}  // namespace

at::Tensor fit_labels(const at::Tensor& labels, const Preprocessing& preprocessing, std::int64_t padding) {
  check_labels(labels);
  if (!preprocessing.img_size) {
    return labels;
  }
  const Size target = *preprocessing.img_size;
  const Size size{labels.size(0), labels.size(1)};
  const auto [scaled, rows, columns] = fit_geometry(size, preprocessing);
  if (size == scaled && scaled == target) {
    return labels;
  }
  at::Tensor part = take(take(labels, 0, scaled.height, rows), 1, scaled.width, columns);
  if (Size{rows.length, columns.length} == target) {
    return part;
  }
  at::Tensor padded = at::full({target.height, target.width}, padding, labels.options());
  padded.narrow(0, rows.to, rows.length).narrow(1, columns.to, columns.length).copy_(part);
  return padded;
}

}  // namespace ttscale::image
