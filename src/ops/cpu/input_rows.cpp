// SPDX-License-Identifier: MIT
#include "ops/cpu/input_rows.h"

#include <algorithm>

#include "ops/cpu/matrix_kernels.h"

namespace ttscale::ops {

using std::int64_t;

InputRows::InputRows(const LayerInput& layer, int64_t image, int64_t channel, int64_t width, int64_t together,
                     int64_t kept, RowScratch& scratch)
    : layer_(layer),
      image_(image),
      channel_(channel),
      width_(width),
      together_(together),
      kept_(kept + together - 1),
      scratch_(scratch) {
  scratch.zeros.resize(static_cast<std::size_t>(layer.columns * layer.channels));
  if (!as_they_lie()) {
    scratch.ready.resize(std::max(scratch.ready.size(), elements(kept_)));
  }
}

void InputRows::make_ready(int64_t end, int64_t first) {
  if (as_they_lie() || end <= end_) {
    return;
  }
  const int64_t from = std::max(end_, first);
  end_ = std::min(std::max(end, from + together_), layer_.rows);
  for (int64_t r = from; r < end_;) {
    const int64_t slot = r % kept_;
    const int64_t rows = std::min(end_ - r, kept_ - slot);  // up to where the slots begin again
    make(r, rows, scratch_.ready.data() + elements(slot));
    r += rows;
  }
}

void InputRows::make(int64_t first, int64_t rows, float* to) const {
  const int64_t pixels = rows * layer_.columns;
  if (layer_.weight == nullptr) {
    (*layer_.prologue)(image_, in_memory(first) + channel_, layer_.x_channels, to, width_, pixels, channel_, width_);
    return;
  }
  multiply(pixels, width_, layer_.x_channels, in_memory(first), layer_.x_channels,
           layer_.weight + channel_ * layer_.x_channels, to, width_,
           layer_.bias == nullptr ? nullptr : layer_.bias + channel_);
  (*layer_.prologue)(image_, to, width_, to, width_, pixels, channel_, width_);
}

const float* InputRows::row(int64_t r) const {
  if (r < 0 || r >= layer_.rows) {
    return scratch_.zeros.data();
  }
  return as_they_lie() ? in_memory(r) + channel_ : scratch_.ready.data() + elements(r % kept_);
}

}  // namespace ttscale::ops
