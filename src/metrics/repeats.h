// SPDX-License-Identifier: MIT
// The mean over repeats of a measurement (seeds, orders), and how well it is known.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "metrics/classification.h"

namespace ttscale::metrics {

/// What repeats of one measurement say.
struct RepeatedMean {
  std::int64_t repeats = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();       ///< NaN for no repeats
  double deviation = std::numeric_limits<double>::quiet_NaN();  ///< sample standard deviation (k-1); NaN for one repeat
  Interval interval;  ///< of the mean, Student's t with k-1 degrees of freedom; NaN for one repeat
};

/// Mean, deviation and two-sided interval of the mean (Student 1908). A NaN among the values makes all of them NaN.
/// Throws UsageError unless level is in (0, 1).
RepeatedMean mean_of_repeats(const std::vector<double>& values, double level = 0.95);

/// The quantile of Student's t distribution: P(T <= t) = probability. Throws UsageError unless probability is in (0, 1)
/// and there is at least one degree of freedom.
double student_t_quantile(double probability, std::int64_t degrees);

}  // namespace ttscale::metrics
