// SPDX-License-Identifier: MIT
// Rounds, and order statistics.
#include "eval/forward_times.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace ttscale::eval {
namespace {

double steady_milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Calls of a form in the rounds ahead of `round`.
std::int64_t calls_before(std::int64_t round, std::int64_t period, std::int64_t rounds) {
  const std::int64_t all = (rounds + period - 1) / period * period;
  return round * all / rounds;
}

}  // namespace

std::vector<std::vector<double>> measure(const std::vector<TimedForm>& forms, const MeasureOptions& options) {
  const std::function<double()> now = options.now ? options.now : steady_milliseconds;
  const auto run = [&](const TimedForm& form) {
    if (options.interrupt) {
      options.interrupt();
    }
    const double start = now();
    form.run();
    return now() - start;
  };
  for (std::int64_t round = 0; round < options.warm_up; ++round) {
    for (const TimedForm& form : forms) {
      (void)run(form);
    }
  }
  std::vector<std::vector<double>> times(forms.size());
  for (std::int64_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < forms.size(); ++i) {
      const std::int64_t calls = calls_before(round + 1, forms[i].period, options.rounds) -
                                 calls_before(round, forms[i].period, options.rounds);
      for (std::int64_t call = 0; call < calls; ++call) {
        times[i].push_back(run(forms[i]));
      }
    }
  }
  return times;
}

Quartiles quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&values](double q) {
    const double position = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (position - std::floor(position)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<double> ratios(const std::vector<double>& times, const std::vector<double>& reference) {
  std::vector<double> out(times.size());
  std::transform(times.begin(), times.end(), reference.begin(), out.begin(), std::divides<>());
  return out;
}

}  // namespace ttscale::eval
