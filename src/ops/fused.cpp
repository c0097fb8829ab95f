// SPDX-License-Identifier: MIT
#include "ops/fused.h"

#include "ops/epilogue.h"
#include "ops/norm.h"
#include "ops/restandardize.h"

namespace ttscale::ops {
namespace {

Epilogue epilogue(const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                  bool in_place, bool keeps_dtype) {
  return {residual.value_or(at::Tensor()), parse_activation(activation, a, b), in_place, keeps_dtype};
}

}  // namespace

at::Tensor fused_norm(at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                      at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                      const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                      bool in_place, bool keeps_dtype) {
  return norm_then(x, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream,
                   epilogue(residual, activation, a, b, in_place, keeps_dtype));
}

at::Tensor fused_restandardize(at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const std::string& rule, at::Tensor& running,
                               at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                               const c10::optional<at::Tensor>& residual, const std::string& activation, double a,
                               double b, bool in_place, bool keeps_dtype) {
  return restandardize_then(x, source_mean, source_var, eps, rule, running, counters, last, stream,
                            epilogue(residual, activation, a, b, in_place, keeps_dtype));
}

}  // namespace ttscale::ops
