// SPDX-License-Identifier: MIT
// What a convolution does to activations as it reads them: the normalisation of the site before it, which so needs no
// pass over memory of its own.
#pragma once

#include "ops/activation.h"
#include "ops/coefficients.h"
#include "ops/epilogue.h"

namespace ttscale::ops {

/// activation((x - center) * scale + shift + residual), coefficients [C] or [N, C]; nothing where they are undefined.
struct Prologue {
  Coefficients k;
  Activation activation;
  at::Tensor residual = {};  ///< undefined where there is none
  bool finishes = false;     ///< x is overwritten by the result, which others take as well

  [[nodiscard]] bool does_nothing() const { return !k.center.defined(); }
};

/// The prologue of x in a pass of its own; in x itself where it finishes x, and x is dense.
inline at::Tensor done(const Prologue& prologue, const at::Tensor& x) {
  if (prologue.does_nothing()) {
    return x;
  }
  Epilogue rest;
  rest.residual = prologue.residual;
  rest.activation = prologue.activation;
  rest.in_place = prologue.finishes;
  return affine_then(x, prologue.k, rest);
}

}  // namespace ttscale::ops
