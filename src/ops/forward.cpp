// SPDX-License-Identifier: MIT
// ttscale::begin, ttscale::finish.
#include "ops/forward.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ops/layout.h"
#include "ops/site_checks.h"
#include "ops/site_step.h"
#include "stats/rules.h"

namespace ttscale::ops {
namespace {

const Rule& check(const char* op, const at::Tensor& stream, const std::string& text) {
  const Rule& rule = parsed_rule(text);
  check_stream_state(op, rule, stream);
  return rule;
}

}  // namespace

void begin(at::Tensor& stream, const std::string& rule, bool classes) {
  const at::NoGradGuard no_grad;
  stats::begin(check(kBeginOperator, stream, rule), stream, classes);
}

at::Tensor finish(const at::Tensor& scores, at::Tensor& stream, const std::string& text) {
  const at::NoGradGuard no_grad;
  const Rule& rule = check(kFinishOperator, stream, text);
  if (stats::takes_scores(rule)) {
    TORCH_CHECK(scores.device() == stream.device(), kFinishOperator, ": expected state stream on ", scores.device(),
                ", found ", stream.device(), "; move model, state and images to one device");
    stats::finish(rule, scores.detach(), stream);
  }
  return unchanged(scores);
}

void begin_meta(at::Tensor& stream, const std::string& rule, bool) { check(kBeginOperator, stream, rule); }

at::Tensor finish_meta(const at::Tensor& scores, at::Tensor& stream, const std::string& rule) {
  check(kFinishOperator, stream, rule);
  return unchanged(scores);
}

}  // namespace ttscale::ops
