// SPDX-License-Identifier: MIT
// Times of several forms of one computation, taken in turn, and what they say. Knows no model.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace ttscale::eval {

/// What is timed.
struct TimedForm {
  std::function<void()> run;
  std::int64_t period = 1;  ///< calls that belong together, such as those from one look of a guard to the next: a whole
                            ///< number of periods is timed
};

struct MeasureOptions {
  std::int64_t rounds = 15;         ///< 1 or more
  std::int64_t warm_up = 3;         ///< rounds that do not count
  std::function<double()> now;      ///< milliseconds; empty: the steady clock
  std::function<void()> interrupt;  ///< called ahead of each call; what it throws ends the measuring
};

/// Runs every form once a round, in the order given, so that what else the machine does meets all alike. A form with a
/// period of p is run more often where the rounds are no multiple of p: the smallest multiple that is not less, spread
/// evenly over the rounds. Returns the milliseconds of each call that counts: [form][round], or [form][call] with
/// a period. Throws what a form throws.
std::vector<std::vector<double>> measure(const std::vector<TimedForm>& forms, const MeasureOptions& options);

struct Quartiles {
  double first = 0;
  double median = 0;
  double third = 0;
};

/// Linear between the sorted values: the quantile q of n values lies at position q (n - 1), from 0. `values` are one or
/// more.
Quartiles quartiles(std::vector<double> values);

/// `values` are one or more.
double mean(const std::vector<double>& values);

/// times[i] / reference[i], round by round. Both have the same length.
std::vector<double> ratios(const std::vector<double>& times, const std::vector<double>& reference);

}  // namespace ttscale::eval
