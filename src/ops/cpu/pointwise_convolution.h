// SPDX-License-Identifier: MIT
// 1x1 convolutions in channels_last, as products of matrices a few hundred pixels at a time (cpu/matrix_kernels.h):
// they normalise what they read and measure what they write while it is in the cache. As fast as oneDNN's own, which do
// neither.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/isa.h"
#include "ops/convolution_options.h"
#include "ops/measured.h"
#include "ops/prologue.h"

namespace ttscale::ops {

/// Whether pointwise_convolution() takes such a convolution: float32 on the CPU, 1x1, no stride, no padding, no groups,
/// and has_matrix_kernels() (cpu/matrix_kernels.h).
bool is_pointwise(const ConvolutionOptions& options);
/// The same of x [N, C, H, W].
bool is_pointwise(const at::Tensor& x, const ConvolutionOptions& options);

/// Whether a prologue is done on the way in. Where the weight is larger than a cache, pixels are read once for each of
/// its parts, and pointwise_convolution() normalises them in a pass of its own.
bool pointwise_normalises(const ConvolutionOptions& options);

/// Whether x can be finished (Prologue) on the way in: it and the residual are of one shape, dense in channels_last.
bool pointwise_finishes(const at::Tensor& x, const ConvolutionOptions& options, const Prologue& prologue);

/// The weight [C_out, C_in, 1, 1] as pointwise_convolution() wants it: [C_in, columns] for each run of output channels.
at::Tensor pointwise_weight(const at::Tensor& weight);

/// conv2d of prologue(x) to rounding, and the moments of what comes out; they do not depend on the number of threads.
/// If the prologue finishes x, pointwise_finishes() holds. `weight` is pointwise_weight().
Measured pointwise_convolution(Isa isa, const at::Tensor& x, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue);

/// The moments alone, with a tensor that has the shape of what would come out and nothing in it.
Measured pointwise_moments(Isa isa, const at::Tensor& x, const at::Tensor& weight, const ConvolutionOptions& options);

}  // namespace ttscale::ops
