// SPDX-License-Identifier: MIT
// The operator ttscale::moments: mean and variance of every image and channel in one read of the activations.
#pragma once

#include <tuple>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// Mean and biased variance [N, C] (float64) of x [N, C, ...] over its remaining dimensions. x is float32, float64,
/// bfloat16 or float16 in any layout, N and C > 0. Accurate where the mean is large against the spread: the CPU kernel
/// sums blocks around the mean of those before and merges them in float64 (cpu/moments_loops.h; Chan, Golub, LeVeque
/// 1979), with the same bits on every CPU and for any number of threads; the CUDA kernel does alike with handfuls of
/// values around their own mean (cuda/moments.cu), with the same bits at every call, and where it is not built ATen's
/// Welford moments of x less its rounded mean take its place (cuda/aten.h). NaN and Inf in an image make that image's
/// moments non-finite, and so do float32 and bfloat16 activations that lie 1e17 or more apart, whose squares overflow;
/// of such within 1e-20 squares are lost, and the variance is too small. Throws c10::Error for another dtype or shape.
std::tuple<at::Tensor, at::Tensor> moments(const at::Tensor& x);

/// Throws c10::Error unless moments() takes x. Every kernel calls it: the dispatcher reaches kernels without moments().
void check_moments(const at::Tensor& x);

std::tuple<at::Tensor, at::Tensor> moments_cpu(const at::Tensor& x);
std::tuple<at::Tensor, at::Tensor> moments_cuda(const at::Tensor& x);
std::tuple<at::Tensor, at::Tensor> moments_meta(const at::Tensor& x);

}  // namespace ttscale::ops
