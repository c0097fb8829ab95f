// SPDX-License-Identifier: MIT
#include "ops/fused.h"

#include "ops/epilogue.h"
#include "ops/norm.h"
#include "ops/restandardize.h"

namespace ttscale::ops {
namespace {

Epilogue epilogue(const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                  bool in_place, bool overwrites_residual, bool keeps_dtype) {
  return {residual.value_or(at::Tensor()), parse_activation(activation, a, b), in_place, keeps_dtype,
          overwrites_residual};
}

}  // namespace

at::Tensor fused_norm(at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                      at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                      const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                      bool in_place, bool keeps_dtype) {
  return norm_then(x, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream,
                   epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

at::Tensor fused_restandardize(at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const std::string& rule, at::Tensor& running,
                               at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                               const c10::optional<at::Tensor>& residual, const std::string& activation, double a,
                               double b, bool in_place, bool keeps_dtype) {
  return restandardize_then(x, source_mean, source_var, eps, rule, running, counters, last, stream,
                            epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

at::Tensor convolution_norm(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                            const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                            const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                            const std::string& rule, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                            at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                            const std::string& activation, double a, double b, bool overwrites_residual,
                            bool keeps_dtype) {
  const Epilogue then = epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype);
  const auto ahead = norm_ahead(x.dim() > 0 ? x.size(0) : 0, weight, bias, source_mean, source_var, eps, rule, running,
                                counters, last, stream);
  if (ahead) {
    return packed->forward_then(x, *ahead, then);
  }
  return norm_then(packed->forward(x), weight, bias, source_mean, source_var, eps, rule, running, counters, last,
                   stream, then);
}

at::Tensor convolution_restandardize(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                                     const at::Tensor& source_mean, const at::Tensor& source_var, const at::Tensor& eps,
                                     const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                     at::Tensor& last, at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                                     const std::string& activation, double a, double b, bool overwrites_residual,
                                     bool keeps_dtype) {
  const Epilogue then = epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype);
  const auto ahead = restandardize_ahead(x.dim() > 0 ? x.size(0) : 0, source_mean, source_var, eps, rule, running,
                                         counters, last, stream);
  if (ahead) {
    return packed->forward_then(x, *ahead, then);
  }
  return restandardize_then(packed->forward(x), source_mean, source_var, eps, rule, running, counters, last, stream,
                            then);
}

}  // namespace ttscale::ops
