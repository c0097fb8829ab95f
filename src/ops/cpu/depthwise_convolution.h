// SPDX-License-Identifier: MIT
// Depthwise convolutions in channels_last that normalise what they read and measure what they write, while it is in the
// cache. oneDNN's do neither, and so leave two more passes over the largest activations of mobile networks.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include "base/isa.h"
#include "ops/convolution_options.h"
#include "ops/measured.h"
#include "ops/prologue.h"

namespace ttscale::ops {

/// Whether depthwise_convolution() takes such a convolution: float32 on the CPU, one input channel an output channel,
/// at least kLeastDepthwise, kernels up to kMostTaps, no dilation.
bool is_depthwise(const ConvolutionOptions& options);
/// The same of x [N, C, H, W].
bool is_depthwise(const at::Tensor& x, const ConvolutionOptions& options);

/// The weight [C, 1, H, W] as depthwise_convolution() wants it: [H, W, C].
at::Tensor depthwise_weight(const at::Tensor& weight);

/// conv2d of prologue(x) to rounding, and the moments of what comes out, with the loops of `isa`; neither depends on it
/// nor on the number of threads. `weight` is depthwise_weight().
Measured depthwise_convolution(Isa isa, const at::Tensor& x, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue);

/// Whether `options` are a 1x1 convolution that expand_and_convolve() may do for the depthwise one `next`.
bool is_expansion(const ConvolutionOptions& options, const ConvolutionOptions& next);

/// Whether that takes less time for x [N, C_in, H, W] than to write what an expansion makes of it, with the loops of
/// `isa`.
bool is_worth_repeating(Isa isa, const at::Tensor& x, const ConvolutionOptions& expansion);

/// The weight [C, C_in, 1, 1] of a 1x1 convolution as expand_and_convolve() wants it.
at::Tensor expansion_weight(const at::Tensor& weight);

/// depthwise_convolution() of what a 1x1 convolution makes of x [N, C_in, H, W], which is made again row by row and
/// never lies in memory: where there are few C_in it takes less time to multiply twice than to write and read six times
/// as many channels. `expansion` is its expansion_weight(), and has_matrix_kernels() (cpu/matrix_kernels.h) holds.
Measured expand_and_convolve(Isa isa, const at::Tensor& x, const at::Tensor& expansion,
                             const c10::optional<at::Tensor>& expansion_bias, const at::Tensor& weight,
                             const ConvolutionOptions& options, const Prologue& prologue);

}  // namespace ttscale::ops
