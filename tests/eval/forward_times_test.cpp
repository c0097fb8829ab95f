// SPDX-License-Identifier: MIT
// Turns, periods, quartiles and ratios, on a clock of the tests' own.
#include "eval/forward_times.h"

#include <gmock/gmock.h>

#include <random>
#include <stdexcept>
#include <string>

namespace ttscale::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

/// Forms that write their letter down and let the clock go on.
struct FakeForms {
  std::string calls;
  double clock = 1000;

  TimedForm form(char letter, double milliseconds, std::int64_t period = 1) {
    return {[this, letter, milliseconds] {
              calls += letter;
              clock += milliseconds;
            },
            period};
  }
  MeasureOptions options(std::int64_t rounds, std::int64_t warm_up) {
    MeasureOptions out;
    out.rounds = rounds;
    out.warm_up = warm_up;
    out.now = [this] { return clock; };
    return out;
  }
};

TEST(Measure, FormsTakeTurnsAndWarmUpDoesNotCount) {
  FakeForms fake;
  const auto times = measure({fake.form('a', 1), fake.form('b', 20), fake.form('c', 300)}, fake.options(3, 2));
  EXPECT_EQ(fake.calls, "abcabcabcabcabc");
  EXPECT_THAT(times, ElementsAre(ElementsAre(1, 1, 1), ElementsAre(20, 20, 20), ElementsAre(300, 300, 300)));
}

TEST(Measure, TimesAreThoseOfTheirRound) {
  double clock = 0;
  double next = 1;
  MeasureOptions options;
  options.rounds = 3;
  options.warm_up = 1;
  options.now = [&] { return clock; };
  const TimedForm form{[&] { clock += next++; }};
  EXPECT_THAT(measure({form, form}, options), ElementsAre(ElementsAre(3, 5, 7), ElementsAre(4, 6, 8)));
}

TEST(Measure, WholePeriodsAreSpreadOverTheRounds) {
  FakeForms fake;
  const auto times = measure({fake.form('a', 1), fake.form('g', 2, 4)}, fake.options(5, 0));
  EXPECT_EQ(fake.calls, "agaggagaggagg") << "8 calls in 5 rounds";
  EXPECT_THAT(times, ElementsAre(SizeIs(5), SizeIs(8)));
}

TEST(Measure, PeriodsForAnyNumberOfRounds) {
  for (std::int64_t period = 1; period <= 17; ++period) {
    for (std::int64_t rounds = 1; rounds <= 34; ++rounds) {
      FakeForms fake;
      const auto times = measure({fake.form('a', 1), fake.form('g', 2, period)}, fake.options(rounds, 0));
      const auto calls = static_cast<std::int64_t>(times.at(1).size());
      EXPECT_EQ(calls % period, 0);
      EXPECT_GE(calls, rounds);
      EXPECT_LT(calls, rounds + period);
      EXPECT_EQ(static_cast<std::int64_t>(times.at(0).size()), rounds);
      std::int64_t most = 0;
      std::int64_t least = calls;
      for (std::size_t at = 0, next = 0; at != std::string::npos; at = next) {  // "ag", "agg", ...
        next = fake.calls.find('a', at + 1);
        const std::size_t end = next == std::string::npos ? fake.calls.size() : next;
        most = std::max(most, static_cast<std::int64_t>(end - at) - 1);
        least = std::min(least, static_cast<std::int64_t>(end - at) - 1);
      }
      EXPECT_LE(most - least, 1) << period << " in " << rounds;
    }
  }
}

TEST(Measure, AnInterruptEndsItAheadOfACall) {
  FakeForms fake;
  MeasureOptions options = fake.options(5, 1);
  options.interrupt = [&] {
    if (fake.calls.size() == 4) {
      throw std::runtime_error("enough");
    }
  };
  EXPECT_THROW((void)measure({fake.form('a', 1), fake.form('b', 1), fake.form('c', 1)}, options), std::runtime_error);
  EXPECT_EQ(fake.calls, "abca");
}

TEST(Measure, TheSteadyClockIsTheDefault) {
  MeasureOptions options;
  options.rounds = 4;
  const auto times = measure({{[] {}}}, options);
  EXPECT_THAT(times, ElementsAre(ElementsAre(testing::Ge(0), testing::Ge(0), testing::Ge(0), testing::Ge(0))));
}

/// Where the polyline through (i / (n - 1), i-th smallest value) is at q, each segment looked at.
double slow_quantile(std::vector<double> values, double q) {
  for (std::size_t i = 0; i < values.size(); ++i) {  // selection sort
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      if (values[j] < values[i]) {
        std::swap(values[i], values[j]);
      }
    }
  }
  const auto last = static_cast<double>(values.size()) - 1;
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const double left = static_cast<double>(i) / last;
    const double right = static_cast<double>(i + 1) / last;
    if (left <= q && q <= right) {
      return values[i] + (values[i + 1] - values[i]) * (q - left) / (right - left);
    }
  }
  return values.front();
}

TEST(Quartiles, AreThoseOfASlowReading) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value(1, 9);
  for (std::size_t n = 1; n <= 20; ++n) {
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i) {
      values.push_back(i % 5 == 4 ? values.front() : value(random));  // ties, too
    }
    const Quartiles found = quartiles(values);
    EXPECT_NEAR(found.first, slow_quantile(values, 0.25), 1e-12) << n;
    EXPECT_NEAR(found.median, slow_quantile(values, 0.5), 1e-12) << n;
    EXPECT_NEAR(found.third, slow_quantile(values, 0.75), 1e-12) << n;
  }
  EXPECT_EQ(quartiles({4, 1, 3, 2}).median, 2.5);
  EXPECT_EQ(quartiles({5, 1, 3}).median, 3);
}

TEST(Ratios, AreOfTheSameRound) {
  EXPECT_THAT(ratios({10, 30, 100}, {5, 10, 200}), ElementsAre(2, 3, 0.5));
  EXPECT_EQ(mean({1, 2, 6}), 3);
}

}  // namespace
}  // namespace ttscale::eval
