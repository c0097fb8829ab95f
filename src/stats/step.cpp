// SPDX-License-Identifier: MIT
// One step of a site's statistics: rule, protection of degenerate cases, state update.
#include <algorithm>
#include <cstddef>

#include <ATen/ATen.h>

#include "stats/rule_traits.h"
#include "stats/rules.h"
#include "stats/rules/auto_loops.h"
#include "stats/sampling.h"

namespace ttscale::stats {
namespace {

Moments row_pair(const at::Tensor& rows, std::int64_t first) {
  return {rows.select(0, first), rows.select(0, first + 1)};
}

bool carries(const Rule& rule) {
  return std::visit([](const auto& r) { return carries_state<std::decay_t<decltype(r)>>; }, rule);
}

void write_if(const at::Tensor& condition, const at::Tensor& value, at::Tensor& target) {
  target.copy_(at::where(condition, value, target));
}

/// What is kept for the images that follow: of a rule without state, where it samples, what it uses for these.
Moments kept(const Rule& rule, const RuleOutput& out) {
  return sample_share(rule) && !carries(rule) ? out.used : out.running;
}

/// Few batches have such channels: those that have none do without the tensor.
void mark_dead(BatchMoments& batch, std::int64_t channel) {
  if (!batch.dead.defined()) {
    batch.dead = at::zeros_like(batch.pooled.var, at::kBool);
  }
  batch.dead.data_ptr<bool>()[channel] = true;
}

/// The rule itself is on tensors; what is around it, the same for all rules, in loops over main memory.
Moments step_in_memory(const Rule& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                       SiteState& state) {
  const StateSize general;
  const std::int64_t channels = source.mean.numel();
  const auto size = static_cast<std::size_t>(channels);
  double* counters = state.counters.data_ptr<double>();
  double* rows = state.running.data_ptr<double>();
  double* last = state.last.data_ptr<double>();
  at::Tensor own_rows = state.running.narrow(0, general.rows, state.running.size(0) - general.rows);
  at::Tensor own_numbers = state.counters.narrow(0, general.counters, state.counters.size(0) - general.counters);
  // Copies: what the rule hands back may be what it was given, and the state is written below.
  const bool begun = counters[1] > 0;
  const Moments running =
      begun ? Moments{state.running.select(0, 0).clone(), state.running.select(0, 1).clone()} : source;
  RuleInput in{source,
               eps,
               images.each,
               pool(images),
               images.medians,
               running,
               state.counters.select(0, 0),
               state.counters.select(0, 1),
               own_rows,
               own_numbers,
               state.stream};
  const Moments measured = in.batch.pooled;
  in.batch.pooled.var = measured.var.clone();
  double* var = in.batch.pooled.var.data_ptr<double>();
  const double* source_var = source.var.data_ptr<double>();
  for (std::size_t c = 0; c < size; ++c) {
    if (var[c] < kDeadShare * source_var[c]) {
      var[c] = source_var[c];
      mark_dead(in.batch, static_cast<std::int64_t>(c));
    }
  }
  const RuleOutput out = std::visit([&](const auto& r) { return evaluate(r, in); }, rule);

  const double finite = in.batch.images.data_ptr<double>()[0];
  const Moments chosen = finite > 0 ? out.used : running;
  const auto kept_apart = [&](const at::Tensor& t) {
    return t.is_alias_of(state.running) ? t.clone() : t.contiguous();
  };
  Moments used = select_part(rule, source, {kept_apart(chosen.mean), kept_apart(chosen.var)});
  const auto write = [&](const at::Tensor& value, double* target) {
    const at::Tensor row = (value.dim() == 2 ? value.mean(0) : value).contiguous();
    std::copy_n(row.data_ptr<double>(), size, target);
  };
  const bool complete = finite == static_cast<double>(in.batch.offered);
  if (complete) {
    const Moments next = kept(rule, out);
    write(next.mean, rows);
    write(next.var, rows + channels);
    const auto write_own = [](const at::Tensor& value, const at::Tensor& target) {
      if (value.defined()) {
        target.copy_(value);
      }
    };
    write_own(out.rows, own_rows);
    write_own(out.numbers, own_numbers);
    if (out.stream.defined()) {
      write_own(out.stream, state.stream.narrow(0, 0, out.stream.size(0)));
    }
    counters[0] += finite;
    counters[1] += 1;
  } else {
    counters[2] += 1;
  }
  write(measured.mean, last);
  write(measured.var, last + channels);
  write(used.mean, last + 2 * channels);
  write(used.var, last + 3 * channels);
  return used;
}

}  // namespace

Moments step(const Rule& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
             SiteState& state) {
  if (!lie_in_memory(source, eps, images, state)) {
    return step_in_tensors(rule, source, eps, images, state);
  }
  const auto* automatic = std::get_if<rule::Auto>(&rule);
  return automatic != nullptr ? step_in_loops(*automatic, source, eps, images, state)
                              : step_in_memory(rule, source, eps, images, state);
}

Moments step_in_tensors(const Rule& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                        SiteState& state) {
  const StateSize general;  // what every rule has; its own lies behind
  at::Tensor own_rows = state.running.narrow(0, general.rows, state.running.size(0) - general.rows);
  at::Tensor own_numbers = state.counters.narrow(0, general.counters, state.counters.size(0) - general.counters);
  const at::Tensor batches = state.counters.select(0, 1);
  const Moments running = where(batches > 0, row_pair(state.running, 0), source);
  RuleInput in{source,  eps,      images.each, pool(images), images.medians, running, state.counters.select(0, 0),
               batches, own_rows, own_numbers, state.stream};
  const Moments measured = in.batch.pooled;
  // Before the rule and not after it: a moving average would carry the dead variance on, and amplify all the way down.
  in.batch.dead = measured.var < kDeadShare * source.var;
  in.batch.pooled.var = at::where(in.batch.dead, source.var, measured.var);
  const RuleOutput out = std::visit([&](const auto& r) { return evaluate(r, in); }, rule);

  Moments used = select_part(rule, source, where(in.batch.images > 0, out.used, running));

  const at::Tensor complete = in.batch.images == static_cast<double>(in.batch.offered);
  const at::Tensor accepted = complete.to(at::kDouble);
  at::Tensor moments = state.running.narrow(0, 0, general.rows);
  const Moments next = kept(rule, out);
  write_if(complete, at::stack({next.mean, next.var}), moments);
  const auto write_own = [&](const at::Tensor& value, at::Tensor target) {
    if (value.defined()) {
      write_if(complete, value, target);
    }
  };
  write_own(out.rows, own_rows);
  write_own(out.numbers, own_numbers);
  if (out.stream.defined()) {
    write_own(out.stream, state.stream.narrow(0, 0, out.stream.size(0)));
  }
  state.counters.narrow(0, 0, general.counters).add_(at::stack({accepted * in.batch.images, accepted, 1 - accepted}));
  // A rule may answer for each image; the report shows their mean.
  const auto summary = [](const at::Tensor& t) { return t.dim() == 2 ? t.mean(0) : t; };
  state.last.copy_(at::stack({measured.mean, measured.var, summary(used.mean), summary(used.var)}));
  return used;
}

Moments settled(const Rule& rule, const Moments& source, const at::Tensor& eps, const SiteState& state) {
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    return settled(*automatic, source, eps, state);
  }
  if (const auto* tema = std::get_if<rule::Tema>(&rule)) {
    return settled(*tema, source, eps, state);
  }
  return select_part(rule, source, row_pair(state.running, 0));
}

Moments select_part(const Rule& rule, const Moments& source, const Moments& moments) {
  const Part part = std::visit(
      [](const auto& r) {
        if constexpr (has_common_fields<std::decay_t<decltype(r)>>) {
          return r.part;
        } else {
          return Part::kBoth;
        }
      },
      rule);
  return {part == Part::kVariance ? source.mean.expand_as(moments.mean) : moments.mean,
          part == Part::kMean ? source.var.expand_as(moments.var) : moments.var};
}

bool has_state(const Rule& rule) { return carries(rule) || sample_share(rule); }

bool needs_medians(const Rule& rule) { return std::holds_alternative<rule::MedBn>(rule); }

std::optional<double> eps_override(const Rule& rule) {
  return std::visit(
      [](const auto& r) -> std::optional<double> {
        if constexpr (has_common_fields<std::decay_t<decltype(r)>>) {
          return r.eps;
        } else {
          return std::nullopt;
        }
      },
      rule);
}

}  // namespace ttscale::stats
