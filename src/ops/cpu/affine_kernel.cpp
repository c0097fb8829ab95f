// SPDX-License-Identifier: MIT
// CPU kernel of ttscale::affine for contiguous and channels_last activations.
#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

#include "ops/affine.h"
#include "ops/layout.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

constexpr int64_t kGrain = 32768;  // elements worth a thread

/// Coefficients in the arithmetic of the kernel: what `center` loses by rounding goes into `shift`.
template <typename acc_t>
struct Coefficients {
  std::vector<acc_t> center, scale, shift;

  Coefficients(const double* c, const double* s, const double* t, int64_t n)
      : center(static_cast<std::size_t>(n)), scale(center.size()), shift(center.size()) {
    for (std::size_t i = 0; i < center.size(); ++i) {
      center[i] = static_cast<acc_t>(c[i]);
      scale[i] = static_cast<acc_t>(s[i]);
      shift[i] = static_cast<acc_t>(t[i] - (c[i] - static_cast<double>(center[i])) * s[i]);
    }
  }
};

template <typename scalar_t, typename acc_t>
void rows_kernel(const scalar_t* x, scalar_t* y, int64_t rows, int64_t length, const Coefficients<acc_t>& k) {
  const auto period = static_cast<int64_t>(k.center.size());  // C, or N * C
  at::parallel_for(0, rows, std::max<int64_t>(1, kGrain / length), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const auto i = static_cast<std::size_t>(row % period);
      const acc_t center = k.center[i];
      const acc_t scale = k.scale[i];
      const acc_t shift = k.shift[i];
      const scalar_t* in = x + row * length;
      scalar_t* out = y + row * length;
      for (int64_t j = 0; j < length; ++j) {
        out[j] = static_cast<scalar_t>((static_cast<acc_t>(in[j]) - center) * scale + shift);
      }
    }
  });
}

template <typename scalar_t, typename acc_t>
void channels_last_kernel(const scalar_t* x, scalar_t* y, int64_t images, int64_t channels, int64_t pixels,
                          const Coefficients<acc_t>& k) {
  const bool per_image = static_cast<int64_t>(k.center.size()) != channels;
  at::parallel_for(0, images * pixels, std::max<int64_t>(1, kGrain / channels), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t offset = per_image ? row / pixels * channels : 0;
      const acc_t* center = k.center.data() + offset;
      const acc_t* scale = k.scale.data() + offset;
      const acc_t* shift = k.shift.data() + offset;
      const scalar_t* in = x + row * channels;
      scalar_t* out = y + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        out[c] = static_cast<scalar_t>((static_cast<acc_t>(in[c]) - center[c]) * scale[c] + shift[c]);
      }
    }
  });
}

}  // namespace

at::Tensor affine_cpu(const at::Tensor& input, const at::Tensor& center, const at::Tensor& scale,
                      const at::Tensor& shift) {
  check_affine(input, center, scale, shift);
  const at::Tensor x = dense(input);
  if (x.numel() == 0) {
    return at::empty_like(x);
  }
  at::Tensor y = at::empty_like(x);
  const int64_t images = x.size(0);
  const int64_t channels = x.size(1);
  const int64_t pixels = x.numel() / (images * channels);
  const at::Tensor c = center.contiguous();
  const at::Tensor s = scale.contiguous();
  const at::Tensor t = shift.contiguous();
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, x.scalar_type(), "ttscale::affine", [&] {
    const Coefficients<at::opmath_type<scalar_t>> k(c.data_ptr<double>(), s.data_ptr<double>(), t.data_ptr<double>(),
                                                    c.numel());
    if (x.is_contiguous()) {
      rows_kernel(x.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), images * channels, pixels, k);
    } else {
      channels_last_kernel(x.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), images, channels, pixels, k);
    }
  });
  return y;
}

}  // namespace ttscale::ops
