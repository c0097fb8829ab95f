// SPDX-License-Identifier: MIT
// Collects the images of one batch.
#include "data/batch_slot.h"

#include <ATen/Functions.h>

#include <cstring>
#include <sstream>
#include <utility>

#include "ttscale/error.h"

namespace ttscale::data {
namespace {

// "480x640" for [C, 480, 640].
std::string size_text(const std::vector<std::int64_t>& chw) {
  return std::to_string(chw[1]) + "x" + std::to_string(chw[2]);
}

// The reason if the problem is one of data, which may be skipped.
std::optional<std::string> data_error(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const DataError& problem) {
    return problem.what();
  } catch (...) {
    return std::nullopt;
  }
}

at::Tensor to_indices(const std::vector<std::int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(values.begin(), values.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace

BatchSlot::BatchSlot(std::vector<Sample> samples) : samples_(std::move(samples)), outcomes_(samples_.size()) {}

// Puts one tensor at its place among all; one that does not fit is left out: finish() tells the user.
void BatchSlot::copy(at::Tensor& all, std::size_t index, const at::Tensor& one) {
  const at::Tensor from = one.contiguous();
  at::Tensor to;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!all.defined()) {
      std::vector<std::int64_t> sizes = {static_cast<std::int64_t>(samples_.size())};
      sizes.insert(sizes.end(), from.sizes().begin(), from.sizes().end());
      all = at::empty(sizes, from.options());
    }
    const bool fits = all.sizes().slice(1) == from.sizes() && all.scalar_type() == from.scalar_type();
    to = fits ? all.select(0, static_cast<std::int64_t>(index)) : at::Tensor();
  }
  if (to.defined()) {
    // Not copy_: it would start a team of OpenMP threads in each worker.
    std::memcpy(to.data_ptr(), from.data_ptr(), from.nbytes());
  }
}

void BatchSlot::store(std::size_t index, const at::Tensor& image, const at::Tensor& label_map) {
  if (!image.defined() || image.dim() != 3 || !image.device().is_cpu() || image.numel() == 0) {
    throw UsageError("loader: expected a transform that gives one CPU tensor [C, H, W], found another result for " +
                     samples_[index].path.string());
  }
  if (label_map.defined()) {
    if (label_map.scalar_type() != at::kLong || label_map.sizes() != image.sizes().slice(1)) {
      throw UsageError("loader: expected an int64 label map of the height and width of its image, found another for " +
                       samples_[index].path.string());
    }
    copy(label_maps_, index, label_map);
  }
  copy(images_, index, image);
  outcomes_[index].sizes = image.sizes().vec();
}

void BatchSlot::fail(std::size_t index, std::exception_ptr error) { outcomes_[index].error = std::move(error); }

void BatchSlot::check_same_size(const Sample& first, std::size_t first_index, std::size_t index) const {
  const auto& expected = outcomes_[first_index].sizes;
  const auto& found = outcomes_[index].sizes;
  if (expected != found) {
    throw DataError("data: expected images of one size in a batch, found " + size_text(expected) + " (" +
                    first.path.string() + ") and " + size_text(found) + " (" + samples_[index].path.string() +
                    "); give --img-size, or use --batch-size 1");
  }
}

FinishedBatch BatchSlot::finish(OnError on_error) {
  FinishedBatch finished;
  Batch batch;
  std::vector<std::int64_t> kept;
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    if (outcomes_[i].error != nullptr) {
      auto reason = data_error(outcomes_[i].error);
      if (!reason || on_error == OnError::kStop) {
        std::rethrow_exception(outcomes_[i].error);
      }
      finished.skipped.push_back({samples_[i], std::move(*reason)});
      continue;
    }
    if (!kept.empty()) {
      check_same_size(batch.samples.front(), static_cast<std::size_t>(kept.front()), i);
    }
    kept.push_back(static_cast<std::int64_t>(i));
    labels.push_back(samples_[i].label);
    batch.samples.push_back(samples_[i]);
  }
  if (!kept.empty()) {
    const auto of_kept = [&](const at::Tensor& all) {
      return !all.defined() || kept.size() == samples_.size() ? all : all.index_select(0, to_indices(kept));
    };
    batch.images = of_kept(images_);
    batch.label_maps = of_kept(label_maps_);
    batch.labels = to_indices(labels);
    finished.batch = std::move(batch);
  }
  return finished;
}

}  // namespace ttscale::data
