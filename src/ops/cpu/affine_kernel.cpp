// SPDX-License-Identifier: MIT
// CPU kernel of ttscale::affine for contiguous and channels_last activations: the work of the threads. What one thread
// does is in affine_loops.h.
#include "ops/cpu/affine_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/affine.h"
#include "ops/cpu/element_loops.h"
#include "ops/layout.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

struct Coefficients {
  const double* center;
  const double* scale;
  const double* shift;
  int64_t count;  // C, or N * C
};

char* output_element(at::Tensor& y, int64_t index) {
  return static_cast<char*>(y.data_ptr()) + index * static_cast<int64_t>(y.element_size());
}

void row_affine(const Loops& loops, const at::Tensor& x, at::Tensor& y, int64_t rows, int64_t length,
                const Coefficients& k) {
  const Split split(length, kGrain);
  at::parallel_for(0, rows * split.count, grain(length / split.count), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end;) {
      const int64_t row = unit / split.count;
      const int64_t chunk = unit % split.count;
      const int64_t start = row * length + split.begin(chunk);
      const int64_t i = row % k.count;
      const int64_t together = split.count == 1 ? std::min(end - unit, k.count - i) : 1;
      loops.row_affine(input_element(x, start), output_element(y, start), together, split.length(chunk), k.center + i,
                       k.scale + i, k.shift + i);
      unit += together;
    }
  });
}

void channels_last_affine(const Loops& loops, const at::Tensor& x, at::Tensor& y, int64_t images, int64_t channels,
                          int64_t pixels, const Coefficients& k) {
  // Coefficients of a channel hold for all images as for one with their pixels.
  const int64_t runs = k.count == channels ? 1 : images;
  const int64_t length = images * pixels / runs;
  const Split across(channels, kMaxWidth);
  const Split along(length, grain(across.length(0)));
  const int64_t units = runs * along.count * across.count;
  at::parallel_for(0, units, grain(along.length(0) * across.length(0)), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t channel = across.begin(unit % across.count);
      const int64_t chunk = unit / across.count % along.count;
      const int64_t run = unit / across.count / along.count;
      const int64_t start = (run * length + along.begin(chunk)) * channels + channel;
      const int64_t i = run * channels + channel;
      loops.pixel_affine(input_element(x, start), output_element(y, start), along.length(chunk), channels,
                         across.length(unit % across.count), k.center + i, k.scale + i, k.shift + i);
    }
  });
}

}  // namespace

at::Tensor affine_on(Isa isa, const at::Tensor& input, const at::Tensor& center, const at::Tensor& scale,
                     const at::Tensor& shift) {
  check_affine(input, center, scale, shift);
  const at::Tensor x = dense(input);
  at::Tensor y = at::empty_like(x);
  if (x.numel() == 0) {
    return y;
  }
  const int64_t images = x.size(0);
  const int64_t channels = x.size(1);
  const int64_t pixels = x.numel() / (images * channels);
  const at::Tensor c = center.contiguous();
  const at::Tensor s = scale.contiguous();
  const at::Tensor t = shift.contiguous();
  const Coefficients k{c.data_ptr<double>(), s.data_ptr<double>(), t.data_ptr<double>(), c.numel()};
  const Loops& loops = element_loops(x.scalar_type(), isa);
  if (x.is_contiguous() && pixels > 1) {
    row_affine(loops, x, y, images * channels, pixels, k);
  } else {
    channels_last_affine(loops, x, y, images, channels, pixels, k);
  }
  return y;
}

at::Tensor affine_cpu(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift) {
  return affine_on(available_isas().back(), x, center, scale, shift);
}

}  // namespace ttscale::ops
