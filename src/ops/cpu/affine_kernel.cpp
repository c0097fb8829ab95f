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

struct Numbers {
  const double* center;
  const double* scale;
  const double* shift;
  int64_t count;  // C, or N * C
};

/// What follows, of the whole tensor.
struct Later {
  const at::Tensor& residual;
  const Activation& activation;

  [[nodiscard]] Tail from(int64_t element) const {
    return {residual.defined() ? input_element(residual, element) : nullptr, activation};
  }
};

char* output_element(at::Tensor& y, int64_t index) {
  return static_cast<char*>(y.data_ptr()) + index * static_cast<int64_t>(y.element_size());
}

void row_affine(const Loops& loops, const at::Tensor& x, at::Tensor& y, int64_t rows, int64_t length, const Numbers& k,
                const Later& later) {
  const Split split(length, kGrain);
  at::parallel_for(0, rows * split.count, grain(length / split.count), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end;) {
      const int64_t row = unit / split.count;
      const int64_t chunk = unit % split.count;
      const int64_t start = row * length + split.begin(chunk);
      const int64_t i = row % k.count;
      const int64_t together = split.count == 1 ? std::min(end - unit, k.count - i) : 1;
      loops.row_affine(input_element(x, start), output_element(y, start), together, split.length(chunk), k.center + i,
                       k.scale + i, k.shift + i, later.from(start));
      unit += together;
    }
  });
}

void channels_last_affine(const Loops& loops, const at::Tensor& x, at::Tensor& y, int64_t images, int64_t channels,
                          int64_t pixels, const Numbers& k, const Later& later) {
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
      loops.pixel_affine(input_element(x, start), output_element(y, start), along.length(chunk), channels, channels,
                         across.length(unit % across.count), k.center + i, k.scale + i, k.shift + i, later.from(start));
    }
  });
}

/// A copy only where they lie differently. (Strides of dimensions of one element say nothing.)
at::Tensor in_layout_of(const at::Tensor& x, const at::Tensor& t) {
  const bool same = (x.is_contiguous() && t.is_contiguous()) || x.strides() == t.strides();
  return same ? t : at::empty_like(x).copy_(t);
}

}  // namespace

at::Tensor affine_then_on(Isa isa, const at::Tensor& input, const Coefficients& coefficients,
                          const Epilogue& epilogue) {
  check_affine(input, coefficients.center, coefficients.scale, coefficients.shift);
  const at::Tensor x = dense(input);
  if (x.numel() == 0) {
    return at::empty_like(x);
  }
  const int64_t images = x.size(0);
  const int64_t channels = x.size(1);
  const int64_t pixels = x.numel() / (images * channels);
  const bool rows = x.is_contiguous() && pixels > 1;
  const bool overwrites = x.is_same(input) && epilogue.in_place && (!rows || pixels >= kInPlaceLength);
  at::Tensor y = overwrites ? x : at::empty_like(x);
  const at::Tensor residual = epilogue.residual.defined() ? in_layout_of(x, epilogue.residual) : at::Tensor();
  const at::Tensor c = coefficients.center.contiguous();
  const at::Tensor s = coefficients.scale.contiguous();
  const at::Tensor t = coefficients.shift.contiguous();
  const Numbers k{c.data_ptr<double>(), s.data_ptr<double>(), t.data_ptr<double>(), c.numel()};
  const Loops& loops = element_loops(x.scalar_type(), isa);
  if (rows) {
    row_affine(loops, x, y, images * channels, pixels, k, {residual, epilogue.activation});
  } else {
    channels_last_affine(loops, x, y, images, channels, pixels, k, {residual, epilogue.activation});
  }
  return y;
}

at::Tensor affine_on(Isa isa, const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale,
                     const at::Tensor& shift) {
  return affine_then_on(isa, x, {center, scale, shift}, {});
}

at::Tensor affine_cpu(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift) {
  return affine_on(available_isas().back(), x, center, scale, shift);
}

}  // namespace ttscale::ops
