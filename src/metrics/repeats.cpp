// SPDX-License-Identifier: MIT
// Student's t: the distribution has a closed form for whole degrees of freedom; its inverse is found by bisection.
#include "metrics/repeats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// P(|T| <= sqrt(degrees) tan(angle)): Abramowitz & Stegun 26.7.3 (odd) and 26.7.4 (even).
double central_probability(double angle, std::int64_t degrees) {
  const bool odd = degrees % 2 != 0;
  const double cosine = std::cos(angle);
  double term = odd ? cosine : 1;
  double sum = 0;
  for (std::int64_t k = odd ? 3 : 2; k <= degrees && term > 1e-18; k += 2) {
    sum += term;
    term *= static_cast<double>(k - 1) / static_cast<double>(k) * cosine * cosine;
  }
  return odd ? 2 / kPi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

/// t > 0 with P(|T| <= t) = `central`.
double central_quantile(double central, std::int64_t degrees) {
  double low = 0;
  double high = kPi / 2;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) {
      return std::sqrt(static_cast<double>(degrees)) * std::tan(low);
    }
    (central_probability(middle, degrees) < central ? low : high) = middle;
  }
}

void check_inside(double value, const char* what) {
  if (!(value > 0 && value < 1)) {
    throw UsageError(std::string(what) + ": expected a value between 0 and 1, found " + std::to_string(value));
  }
}

double deviation_of(const std::vector<double>& values, double mean) {
  const double squares = std::accumulate(values.begin(), values.end(), 0.0, [mean](double sum, double value) {
    return sum + (value - mean) * (value - mean);
  });
  return values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : kNone;
}

}  // namespace

double student_t_quantile(double probability, std::int64_t degrees) {
  check_inside(probability, "Student's t: probability");
  if (degrees < 1) {
    throw UsageError("Student's t: expected at least one degree of freedom, found " + std::to_string(degrees));
  }
  if (probability < 0.5) {
    return -central_quantile(1 - 2 * probability, degrees);
  }
  return probability > 0.5 ? central_quantile(2 * probability - 1, degrees) : 0;
}

RepeatedMean mean_of_repeats(const std::vector<double>& values, double level) {
  check_inside(level, "interval of a mean: level");
  RepeatedMean result;
  result.repeats = static_cast<std::int64_t>(values.size());
  if (values.empty()) {
    return result;
  }
  const auto count = static_cast<double>(values.size());
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  result.deviation = deviation_of(values, result.mean);
  if (values.size() > 1) {
    const double half = central_quantile(level, result.repeats - 1) * result.deviation / std::sqrt(count);
    result.interval = {result.mean - half, result.mean + half};
  }
  return result;
}

}  // namespace ttscale::metrics
