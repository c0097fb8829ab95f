// SPDX-License-Identifier: MIT
// The only file that knows the dispatcher's registration: schemas and which kernel serves which device.
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include "ops/affine.h"
#include "ops/forward.h"
#include "ops/fused.h"
#include "ops/moments.h"
#include "ops/norm.h"
#include "ops/observe.h"
#include "ops/packed_convolution.h"
#include "ops/restandardize.h"

// The state is declared as written: a call is then neither removed as dead code nor merged with
// an equal one, and the state stays an attribute when the module is frozen.
TORCH_LIBRARY_FRAGMENT(ttscale, m) {
  m.def("moments(Tensor x) -> (Tensor mean, Tensor var)");
  m.def("affine(Tensor x, Tensor center, Tensor scale, Tensor shift) -> Tensor");
  m.def(
      "norm(Tensor x, Tensor? weight, Tensor? bias, Tensor source_mean, Tensor source_var, float eps, str rule, "
      "Tensor(a!) running, Tensor(b!) counters, Tensor(c!) last, Tensor(d!) stream) -> Tensor");
  // Their result may be x itself: under `source` nothing is copied.
  m.def(
      "restandardize(Tensor(e) x, Tensor source_mean, Tensor source_var, Tensor eps, str rule, Tensor(a!) running, "
      "Tensor(b!) counters, Tensor(c!) last, Tensor(d!) stream) -> Tensor(e)");
  // They may write the result into x.
  m.def(
      "fused_norm(Tensor(e!) x, Tensor? weight, Tensor? bias, Tensor source_mean, Tensor source_var, float eps, "
      "str rule, Tensor(a!) running, Tensor(b!) counters, Tensor(c!) last, Tensor(d!) stream, Tensor? residual, "
      "str activation, float a, float b, bool in_place, bool keeps_dtype) -> Tensor(e!)");
  m.def(
      "fused_restandardize(Tensor(e!) x, Tensor source_mean, Tensor source_var, Tensor eps, str rule, "
      "Tensor(a!) running, Tensor(b!) counters, Tensor(c!) last, Tensor(d!) stream, Tensor? residual, str activation, "
      "float a, float b, bool in_place, bool keeps_dtype) -> Tensor(e!)");
  m.class_<ttscale::ops::PackedConvolution>("PackedConvolution");
  m.def("convolution(Tensor x, __torch__.torch.classes.ttscale.PackedConvolution packed) -> Tensor");
  // They write into the convolution's own output, or into the residual. What they leave unfinished may be x itself, and
  // unfinished x is overwritten: not said here, since then no graph could be trusted to leave its images alone. Only
  // graph/defer_normalisation.cpp asks for either, for values that nobody else takes before.
  m.def(
      "convolution_norm(Tensor x, __torch__.torch.classes.ttscale.PackedConvolution packed, Tensor? weight, "
      "Tensor? bias, Tensor source_mean, Tensor source_var, float eps, str rule, Tensor(a!) running, "
      "Tensor(b!) counters, Tensor(c!) last, Tensor(d!) stream, Tensor(e!)? residual, str activation, float a, "
      "float b, bool overwrites_residual, bool keeps_dtype, Tensor? center, Tensor? scale, Tensor? shift, "
      "str before_activation, float before_a, float before_b, "
      "__torch__.torch.classes.ttscale.PackedConvolution? expansion, Tensor? before_residual, bool finishes, "
      "int defers) "
      "-> (Tensor(e!) y, Tensor? center, Tensor? scale, Tensor? shift, Tensor? x)");
  m.def(
      "convolution_restandardize(Tensor x, __torch__.torch.classes.ttscale.PackedConvolution packed, "
      "Tensor source_mean, Tensor source_var, Tensor eps, str rule, Tensor(a!) running, Tensor(b!) counters, "
      "Tensor(c!) last, Tensor(d!) stream, Tensor(e!)? residual, str activation, float a, float b, "
      "bool overwrites_residual, bool keeps_dtype, Tensor? center, Tensor? scale, Tensor? shift, "
      "str before_activation, float before_a, float before_b, "
      "__torch__.torch.classes.ttscale.PackedConvolution? expansion, Tensor? before_residual, bool finishes, "
      "int defers) "
      "-> (Tensor(e!) y, Tensor? center, Tensor? scale, Tensor? shift, Tensor? x)");
  m.def("begin(Tensor(a!) stream, str rule, bool classes) -> ()");
  m.def("finish(Tensor(b) scores, Tensor(a!) stream, str rule) -> Tensor(b)");
  m.def("observe(Tensor(b) x, Tensor(a!) sums) -> Tensor(b)");
}

TORCH_LIBRARY_IMPL(ttscale, CPU, m) {
  m.impl("moments", ttscale::ops::moments_cpu);
  m.impl("affine", ttscale::ops::affine_cpu);
}

TORCH_LIBRARY_IMPL(ttscale, CUDA, m) {
  m.impl("moments", ttscale::ops::moments_cuda);
  m.impl("affine", ttscale::ops::affine_cuda);
}

TORCH_LIBRARY_IMPL(ttscale, Meta, m) {
  m.impl("moments", ttscale::ops::moments_meta);
  m.impl("affine", ttscale::ops::affine_meta);
  m.impl("norm", ttscale::ops::norm_meta);
  m.impl("restandardize", ttscale::ops::restandardize_meta);
  m.impl("begin", ttscale::ops::begin_meta);
  m.impl("finish", ttscale::ops::finish_meta);
}

// The site operators are compositions of the two and small tensor arithmetic: one implementation for every device.
TORCH_LIBRARY_IMPL(ttscale, CompositeExplicitAutograd, m) {
  m.impl("norm", ttscale::ops::norm);
  m.impl("restandardize", ttscale::ops::restandardize);
  m.impl("fused_norm", ttscale::ops::fused_norm);
  m.impl("fused_restandardize", ttscale::ops::fused_restandardize);
  m.impl("convolution", [](const at::Tensor& x, const c10::intrusive_ptr<ttscale::ops::PackedConvolution>& packed) {
    return packed->forward(x);
  });
  m.impl("convolution_norm", ttscale::ops::convolution_norm);
  m.impl("convolution_restandardize", ttscale::ops::convolution_restandardize);
  m.impl("begin", ttscale::ops::begin);
  m.impl("finish", ttscale::ops::finish);
  m.impl("observe", ttscale::ops::observe);
}

// Training through these operators would ignore that statistics depend on the activations: backward() says that it is
// not implemented.
TORCH_LIBRARY_IMPL(ttscale, Autograd, m) {
  m.impl("moments", torch::autograd::autogradNotImplementedFallback());
  m.impl("affine", torch::autograd::autogradNotImplementedFallback());
  m.impl("norm", torch::autograd::autogradNotImplementedFallback());
  m.impl("restandardize", torch::autograd::autogradNotImplementedFallback());
  m.impl("fused_norm", torch::autograd::autogradNotImplementedFallback());
  m.impl("fused_restandardize", torch::autograd::autogradNotImplementedFallback());
  m.impl("convolution", torch::autograd::autogradNotImplementedFallback());
  m.impl("convolution_norm", torch::autograd::autogradNotImplementedFallback());
  m.impl("convolution_restandardize", torch::autograd::autogradNotImplementedFallback());
  m.impl("begin", torch::autograd::autogradNotImplementedFallback());
  m.impl("finish", torch::autograd::autogradNotImplementedFallback());
  m.impl("observe", torch::autograd::autogradNotImplementedFallback());
}

namespace ttscale::ops {

void link_operators() {}

}  // namespace ttscale::ops
