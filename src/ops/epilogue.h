// SPDX-License-Identifier: MIT
// What follows a normalisation in the graph and can be done in the same pass over the activations: a residual that is
// added, and an activation.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "ops/activation.h"
#include "ops/coefficients.h"

namespace ttscale::ops {

struct Epilogue {
  at::Tensor residual;  ///< added to the normalised x; undefined where there is none
  Activation activation;
  bool in_place = false;             ///< x may be overwritten by the result
  bool keeps_dtype = false;          ///< a residual of another dtype is added as by add_(), which keeps x's
  bool overwrites_residual = false;  ///< the residual may be overwritten, too

  [[nodiscard]] bool does_nothing() const { return !residual.defined() && activation.does_nothing(); }
};

/// The activation called "clamp", "leaky_relu", "hardswish" or "silu" with its numbers. Throws c10::Error for any other
/// name.
Activation parse_activation(const std::string& name, double a, double b);
/// The name.
std::string to_string(Activation::Function function);

/// activation((x - center) * scale + shift + residual) for x [N, C, ...]; coefficients as affine() takes them. On the
/// CPU in one pass, with the bits of the operators one after the other for float32 and float64 (but of silu, whose exp
/// is another), and without their roundings in between for 16-bit types; elsewhere by those operators. The result is in
/// x where `in_place` is set and x is dense. A residual of another shape or dtype is added by ATen's operator. Throws
/// c10::Error for shapes that do not match.
at::Tensor affine_then(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue);

/// activation(x + residual) by ATen's operators; x itself where neither does anything.
at::Tensor epilogue_in_tensors(const at::Tensor& x, const Epilogue& epilogue);

}  // namespace ttscale::ops
