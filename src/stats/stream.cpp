// SPDX-License-Identifier: MIT
// What rules do once a forward, for all sites together.
#include "stats/rule_traits.h"
#include "stats/rules.h"
#include "stats/sampling.h"

namespace ttscale::stats {

StateSize state_size(const Rule& rule) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    return state_size(*automatic);
  }
  if (const auto* unmixtns = std::get_if<rule::UnMixTns>(&rule)) {
    return state_size(*unmixtns);
  }
  if (const auto* tema = std::get_if<rule::Tema>(&rule)) {
    return state_size(*tema);
  }
  if (const auto* rotta = std::get_if<rule::Rotta>(&rule)) {
    return state_size(*rotta);
  }
  if (const auto* ttn = std::get_if<rule::Ttn>(&rule)) {
    return state_size(*ttn);
  }
  if (sample_share(rule)) {
    return sampling_state_size();
  }
  return {};
}

bool needs_weights(const Rule& rule) { return std::holds_alternative<rule::Ttn>(rule); }

void begin(const Rule& rule, at::Tensor& stream, bool classes) {
  std::visit(
      [&](const auto& r) {
        if constexpr (has_stream_numbers<std::decay_t<decltype(r)>>) {
          begin(r, stream, classes);
        }
      },
      rule);
}

void finish(const Rule& rule, const at::Tensor& scores, at::Tensor& stream) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    finish(*automatic, scores, stream);
  }
  if (const auto* rotta = std::get_if<rule::Rotta>(&rule)) {
    finish(*rotta, scores, stream);
  }
}

bool takes_scores(const Rule& rule) {
  return std::holds_alternative<rule::Auto>(rule) || std::holds_alternative<rule::Rotta>(rule);
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

std::vector<std::string> findings(const Rule& rule, const at::Tensor& stream) {
  const auto* automatic = std::get_if<rule::Auto>(&rule);
  return automatic != nullptr ? findings(*automatic, stream) : std::vector<std::string>();
}

}  // namespace ttscale::stats
