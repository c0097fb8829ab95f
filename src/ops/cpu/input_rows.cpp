// SPDX-License-Identifier: MIT
#include "ops/cpu/input_rows.h"

#include <algorithm>

#include "ops/cpu/matrix_kernels.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

/// Pixels for which an expansion is called at least: a call costs as much as a few of them.
constexpr int64_t kLeastPixels = 56;

constexpr std::size_t kLine = kDepthwiseTile * sizeof(float);

}  // namespace

float* Lines::at_least(int64_t count) {
  storage_.resize(std::max(storage_.size(), static_cast<std::size_t>(count + kDepthwiseTile)));
  const std::size_t beyond = reinterpret_cast<std::uintptr_t>(storage_.data()) % kLine;
  return storage_.data() + (beyond == 0 ? 0 : (kLine - beyond) / sizeof(float));
}

InputRows::InputRows(const LayerInput& layer, const LoopTable& loops, int64_t image, int64_t channel,
                     const TiledRow& row, int64_t kept, RowScratch& scratch)
    : layer_(layer),
      loops_(loops),
      image_(image),
      channel_(channel),
      row_(row),
      together_(layer.weight == nullptr ? 1 : (kLeastPixels + layer.columns - 1) / layer.columns),
      kept_(kept + together_ - 1),
      zeros_(scratch.zeros.at_least(row.elements())),
      ready_(scratch.ready.at_least(kept_ * row.elements())) {
  std::fill_n(zeros_, row.elements(), 0.0F);
  if (layer.weight != nullptr) {
    made_ = scratch.made.at_least(together_ * layer.columns * row.width);
  }
  if (layer.prologue != nullptr) {
    coefficients_ = scratch.coefficients.at_least(3 * row.tiles() * kDepthwiseTile);
    for (int64_t tile = 0; tile < row.tiles(); ++tile) {
      layer.prologue->write_coefficients(image, channel + row.start(tile), kDepthwiseTile,
                                         coefficients_ + 3 * tile * kDepthwiseTile, kDepthwiseTile);
    }
  }
}

void InputRows::make_ready(int64_t end, int64_t first) {
  if (end <= end_) {
    return;
  }
  const int64_t from = std::max(end_, first);
  end_ = std::min(std::max(end, from + together_), layer_.rows);
  const int64_t length = layer_.columns * layer_.x_channels;
  for (int64_t r = from; r < end_; r += together_) {
    const int64_t rows = std::min(end_ - r, together_);
    const float* x = layer_.x + (image_ * layer_.rows + r) * length;
    if (layer_.weight == nullptr) {
      bring(x + channel_, layer_.x_channels, r);
      continue;
    }
    multiply(rows * layer_.columns, row_.width, layer_.x_channels, x, layer_.x_channels,
             layer_.weight + channel_ * layer_.x_channels, made_, row_.width,
             layer_.bias == nullptr ? nullptr : layer_.bias + channel_);
    for (int64_t i = 0; i < rows; ++i) {
      bring(made_ + i * layer_.columns * row_.width, row_.width, r + i);
    }
  }
}

void InputRows::bring(const float* x, int64_t stride, int64_t r) const {
  const Activation activation = layer_.prologue == nullptr ? Activation{} : layer_.prologue->activation();
  loops_.depthwise_input({x, stride, coefficients_, activation, row_, slot(r)});
}

const float* InputRows::in_memory(int64_t r) const {
  const bool lies_there = layer_.weight == nullptr && r >= 0 && r < layer_.rows;
  return lies_there ? layer_.x + (image_ * layer_.rows + r) * layer_.columns * layer_.x_channels + channel_ : nullptr;
}

const float* InputRows::row(int64_t r) const { return r < 0 || r >= layer_.rows ? zeros_ : slot(r); }

}  // namespace ttscale::ops
