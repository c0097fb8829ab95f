// SPDX-License-Identifier: MIT
// What rules do once a forward, for all sites together.
#include "stats/rules.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {

StateSize state_size(const Rule& rule) {
  StateSize size;
  if (std::holds_alternative<rule::Auto>(rule)) {
    size.rows += auto_state::kRows;
    size.counters += auto_state::kNumbers;
    size.stream = auto_state::kStreamNumbers;
  }
  return size;
}

void begin(const Rule& rule, at::Tensor& stream, bool classes) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    begin(*automatic, stream, classes);
  }
}

void finish(const Rule& rule, const at::Tensor& scores, at::Tensor& stream) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    finish(*automatic, scores, stream);
  }
}

bool looks_first(const Rule& rule) {
  const auto* automatic = std::get_if<rule::Auto>(&rule);
  return automatic != nullptr && automatic->concentration > 0 && automatic->correlation > 0;
}

void take_first_look(const Rule& rule, const at::Tensor& looked, at::Tensor& stream) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    take_first_look(*automatic, looked, stream);
  }
}

}  // namespace ttscale::stats
