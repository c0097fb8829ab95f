// SPDX-License-Identifier: MIT
// A prologue (ops/prologue.h) over pixels in channels_last, while they are on their way into a convolution.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "ops/cpu/element_loops.h"
#include "ops/prologue.h"

namespace ttscale::ops {

class PixelPrologue {
 public:
  /// `prologue` does something. Throws c10::Error if its coefficients are not those of such images.
  PixelPrologue(const Loops& loops, const Prologue& prologue, std::int64_t images, std::int64_t channels)
      : loops_(loops), residual_(prologue.residual), activation_(prologue.activation) {
    for (const at::Tensor* t : {&prologue.k.center, &prologue.k.scale, &prologue.k.shift}) {
      const bool fits = t->numel() > 0 && t->size(-1) == channels &&
                        (t->dim() == 1 || (t->dim() == 2 && t->size(0) == images)) &&
                        t->sizes() == prologue.k.center.sizes();
      TORCH_CHECK(fits && t->scalar_type() == at::kDouble && t->is_cpu(), "expected coefficients [", channels, "] or [",
                  images, ", ", channels, "] of float64 on the CPU, found ", t->sizes(), " of ", t->scalar_type(),
                  " on ", t->device());
    }
    k_ = {prologue.k.center.contiguous(), prologue.k.scale.contiguous(), prologue.k.shift.contiguous()};
    row_ = k_.center.dim() == 2 ? channels : 0;
  }

  /// y = prologue(x) of `pixels` pixels of an image, channels `channel` to `channel + width`; `x` and `y` are where the
  /// first of them is; y may be x. Fewer channels than 32 only where both strides are `width`. Without a residual.
  void operator()(std::int64_t image, const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
                  std::int64_t pixels, std::int64_t channel, std::int64_t width) const {
    run(image, x, x_stride, y, y_stride, nullptr, pixels, channel, width);
  }

  [[nodiscard]] const Activation& activation() const { return activation_; }

  /// Center, scale and shift of `count` channels of an image, for float32: what `center` loses by rounding goes into
  /// `shift`. `to` is where those of the first channel go, `stride` numbers apart.
  void write_coefficients(std::int64_t image, std::int64_t channel, std::int64_t count, float* to,
                          std::int64_t stride) const {
    const std::int64_t at = image * row_ + channel;
    const double* center = number(k_.center, at);
    const double* scale = number(k_.scale, at);
    const double* shift = number(k_.shift, at);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto rounded = static_cast<float>(center[i]);
      to[i] = rounded;
      to[stride + i] = static_cast<float>(scale[i]);
      to[2 * stride + i] = static_cast<float>(shift[i] - (center[i] - static_cast<double>(rounded)) * scale[i]);
    }
  }

  /// y = prologue(x) of whole pixels where they lie, with the residual if there is one: `pixel` is the first of them,
  /// counted over all images.
  void finish(std::int64_t image, float* x, std::int64_t pixel, std::int64_t pixels, std::int64_t channels) const {
    const float* residual = residual_.defined() ? residual_.data_ptr<float>() + pixel * channels : nullptr;
    run(image, x, channels, x, channels, residual, pixels, 0, channels);
  }

 private:
  void run(std::int64_t image, const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
           const float* residual, std::int64_t pixels, std::int64_t channel, std::int64_t width) const {
    const Split across(width, kMaxWidth);
    for (std::int64_t i = 0; i < across.count; ++i) {
      const std::int64_t from = across.begin(i);
      const std::int64_t at = image * row_ + channel + from;
      loops_.pixel_affine(x + from, y + from, pixels, x_stride, y_stride, across.length(i), number(k_.center, at),
                          number(k_.scale, at), number(k_.shift, at),
                          {residual == nullptr ? nullptr : residual + from, activation_});
    }
  }

  static const double* number(const at::Tensor& t, std::int64_t at) { return t.data_ptr<double>() + at; }

  const Loops& loops_;
  Coefficients k_;
  std::int64_t row_ = 0;  ///< numbers from image to image
  at::Tensor residual_;
  Activation activation_;
};

}  // namespace ttscale::ops
