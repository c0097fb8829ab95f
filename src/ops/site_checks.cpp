// SPDX-License-Identifier: MIT
// Checks of channels and state.
#include "ops/site_checks.h"

#include <c10/util/Exception.h>

#include <ATen/ATen.h>

namespace ttscale::ops {
namespace {

void check_sizes(const char* op, const char* name, const at::Tensor& t, at::IntArrayRef sizes) {
  TORCH_CHECK(t.scalar_type() == at::kDouble && t.sizes() == sizes, op, ": expected state ", name, " ", sizes,
              " of float64, found ", t.sizes(), " of ", t.scalar_type());
}

void check_state(const char* op, const char* name, const at::Tensor& t, at::IntArrayRef sizes, const at::Tensor& x) {
  check_sizes(op, name, t, sizes);
  TORCH_CHECK(t.device() == x.device(), op, ": expected state ", name, " on ", x.device(), ", found ", t.device(),
              "; move model, state and images to one device");
}

}  // namespace

void check_channels(const char* op, const char* name, const at::Tensor& t, const at::Tensor& x) {
  TORCH_CHECK(t.dim() == 1 && t.size(0) == x.size(1), op, ": expected ", name, " of ", x.size(1), " channels for x ",
              x.sizes(), ", found ", t.sizes());
  TORCH_CHECK(t.device() == x.device(), op, ": expected ", name, " on ", x.device(), ", found ", t.device(),
              "; move model, state and images to one device");
}

void check_site_state(const char* op, const Rule& rule, const stats::SiteState& state, const at::Tensor& x) {
  const stats::StateSize size = stats::state_size(rule);
  const bool early = size.early_rows > 0 && state.running.dim() == 2 && state.running.size(0) != size.rows;
  check_state(op, "running", state.running, {early ? size.rows + size.early_rows : size.rows, x.size(1)}, x);
  check_state(op, "counters", state.counters, {size.counters}, x);
  check_state(op, "last", state.last, {kLastRows, x.size(1)}, x);
  check_state(op, "stream", state.stream, {size.stream}, x);
}

void check_stream_state(const char* op, const Rule& rule, const at::Tensor& stream) {
  check_sizes(op, "stream", stream, {stats::state_size(rule).stream});
}

}  // namespace ttscale::ops
