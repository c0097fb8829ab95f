// SPDX-License-Identifier: MIT
// The guard's decisions, from scores alone.
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <set>

#include "adapt/watch.h"

namespace ttscale {
namespace {

constexpr std::int64_t kClasses = 5;

at::Tensor sure(std::int64_t images, std::int64_t first = 0) {
  return at::one_hot((at::arange(images) + first) % kClasses, kClasses).to(at::kFloat) * 8;
}

/// The same class for every image.
at::Tensor collapsed(std::int64_t images) { return sure(1).repeat({images, 1}); }

/// One prediction of `every` is lost.
at::Tensor partly(std::int64_t images, std::int64_t every) {
  at::Tensor out = sure(images).clone();
  for (std::int64_t i = every - 1; i < images; i += every) {
    out[i] = at::tensor({1.0, 1.1, 1.0, 1.0, 1.0}).roll(i % kClasses);
  }
  return out;
}

class Watched : public ::testing::Test {
 protected:
  Watch::Memory feed(const at::Tensor& source, const at::Tensor& adapted) {
    const auto due = watch_.due(source.size(0));
    if (due.empty()) {
      return Watch::Memory::kGoOn;
    }
    const at::Tensor rows = at::tensor(due, at::kLong);
    return watch_.add(source.index_select(0, rows), adapted.index_select(0, rows));
  }
  [[nodiscard]] GuardAction action() const { return watch_.report().action; }

  Watch watch_{Guard{1.0}, /*blends=*/true};
};

class DueImages : public ::testing::TestWithParam<std::pair<std::int64_t, double>> {};

TEST_P(DueImages, AreTheShareAskedFor) {
  const auto [batch, share] = GetParam();
  Watch watch(Guard{share}, true);
  std::int64_t compared = 0;
  std::int64_t seen = 0;
  while (seen < 20000) {
    const auto due = watch.due(batch);
    EXPECT_EQ(std::set<std::int64_t>(due.begin(), due.end()).size(), due.size()) << "no image twice";
    for (const std::int64_t i : due) {
      EXPECT_GE(i, 0);
      EXPECT_LT(i, batch);
    }
    if (seen + batch <= 32) {
      EXPECT_EQ(static_cast<std::int64_t>(due.size()), batch) << "the first images are all compared";
    }
    if (!due.empty()) {
      const auto n = static_cast<std::int64_t>(due.size());
      watch.add(sure(n), sure(n));
      compared += n;
    }
    seen += batch;
  }
  EXPECT_NEAR(static_cast<double>(compared) / static_cast<double>(seen), share, 0.03 * share + 48.0 / 20000);
}

INSTANTIATE_TEST_SUITE_P(BatchSizesAndShares, DueImages,
                         ::testing::Values(std::pair{1, 1.0 / 16}, std::pair{7, 1.0 / 16}, std::pair{16, 1.0 / 16},
                                           std::pair{64, 1.0 / 16}, std::pair{500, 1.0 / 16}, std::pair{16, 1.0},
                                           std::pair{64, 0.5}, std::pair{1, 0.01}));

TEST(WatchOff, AsksForNothing) {
  Watch watch(Guard{0}, true);
  EXPECT_FALSE(watch.on());
  EXPECT_TRUE(watch.due(64).empty());
}

TEST_F(Watched, NeverActsOnASingleBatch) {
  feed(sure(500), collapsed(500));
  EXPECT_EQ(action(), GuardAction::kKeep);
  EXPECT_EQ(feed(sure(500), collapsed(500)), Watch::Memory::kGoBack);
  EXPECT_EQ(action(), GuardAction::kRollBack);
  const GuardReport report = watch_.report();
  ASSERT_EQ(report.decisions.size(), 1U);
  EXPECT_EQ(report.decisions[0].images, 1000);
  EXPECT_LT(report.decisions[0].evidence.gain, -0.2);
}

TEST_F(Watched, KeepsWhatIsTheSameAndWhatGains) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(feed(sure(16), sure(16)), Watch::Memory::kGoOn);
  }
  EXPECT_EQ(feed(collapsed(64), sure(64)), Watch::Memory::kMark);
  EXPECT_EQ(action(), GuardAction::kKeep);
  EXPECT_TRUE(watch_.report().decisions.empty());
}

TEST_F(Watched, HalvesOnASmallLossAndRollsBackIfThatDoesNotHelp) {
  while (action() == GuardAction::kKeep || action() == GuardAction::kHold) {
    ASSERT_LT(watch_.report().compared, 5000);
    feed(sure(20), partly(20, 10));
  }
  EXPECT_EQ(action(), GuardAction::kBlend);
  EXPECT_EQ(watch_.answer(), Answer::kBlended);
  while (action() != GuardAction::kRollBack) {
    ASSERT_LT(watch_.report().compared, 20000);
    feed(sure(20), partly(20, 5));
  }
}

TEST_F(Watched, RestsWhileInDoubt) {
  while (action() == GuardAction::kKeep) {
    ASSERT_LT(watch_.report().compared, 5000);
    feed(sure(20), partly(20, 20));
  }
  EXPECT_EQ(action(), GuardAction::kHold);
  EXPECT_TRUE(watch_.holds());
  for (int i = 0; i < 10; ++i) {
    feed(sure(20), sure(20));
  }
  EXPECT_EQ(action(), GuardAction::kKeep);
}

TEST_F(Watched, ComesBackByStepsAndMoreSlowlyEachTime) {
  std::vector<std::int64_t> away;
  for (int retreat = 0; retreat < 3; ++retreat) {
    while (action() != GuardAction::kRollBack) {
      feed(sure(16), collapsed(16));
      ASSERT_LT(watch_.report().compared, 50000);
    }
    const std::int64_t before = watch_.report().compared;
    while (action() == GuardAction::kRollBack) {
      feed(collapsed(16), sure(16));
      ASSERT_LT(watch_.report().compared, 50000);
    }
    EXPECT_EQ(action(), GuardAction::kBlend) << "half first";
    away.push_back(watch_.report().compared - before);
  }
  EXPECT_LT(away[0], away[1]);
  EXPECT_LT(away[1], away[2]);
}

TEST_F(Watched, ARuleWithoutAWeightIsRolledBackAtOnce) {
  watch_ = Watch(Guard{1.0}, /*blends=*/false);
  while (action() == GuardAction::kKeep || action() == GuardAction::kHold) {
    ASSERT_LT(watch_.report().compared, 5000);
    feed(sure(20), partly(20, 10));
  }
  EXPECT_EQ(action(), GuardAction::kRollBack);
}

TEST_F(Watched, WhoStopsWatchingLeavesTheSourceModelAnswering) {
  feed(sure(50), collapsed(50));
  feed(sure(50), collapsed(50));
  ASSERT_EQ(watch_.answer(), Answer::kSource);
  watch_.stop_watching("a reason");
  EXPECT_EQ(watch_.answer(), Answer::kSource) << "adapting did harm, and nobody would see it do so again";
  EXPECT_FALSE(watch_.on());
  watch_.reset();
  EXPECT_EQ(watch_.answer(), Answer::kAdapted) << "a new stream";
}

TEST_F(Watched, WhoStopsWatchingWhileAdaptingLeavesTheRuleAlone) {
  while (action() == GuardAction::kKeep) {
    ASSERT_LT(watch_.report().compared, 5000);
    feed(sure(20), partly(20, 10));
  }
  ASSERT_NE(watch_.answer(), Answer::kSource);
  watch_.stop_watching("a reason");
  EXPECT_EQ(watch_.answer(), Answer::kAdapted);
  EXPECT_FALSE(watch_.holds());
}

TEST_F(Watched, GivesUpOnWhatAreNoClasses) {
  watch_.add(at::randn({4, 3, 2}), at::randn({4, 3, 2}));
  EXPECT_FALSE(watch_.on());
  EXPECT_NE(describe(watch_.report()).find("no class scores"), std::string::npos);
  EXPECT_TRUE(watch_.due(10).empty());
}

class WatchedNumbers : public ::testing::TestWithParam<double> {};

TEST_P(WatchedNumbers, GoOnAsIfNothingHadBeen) {
  const double share = GetParam();
  const auto step = [](Watch& watch, int i) {
    const auto due = watch.due(20);
    if (!due.empty()) {
      const at::Tensor rows = at::tensor(due, at::kLong);
      const at::Tensor bad = i < 30 ? partly(20, 10) : collapsed(20);
      watch.add(sure(20).index_select(0, rows), bad.index_select(0, rows));
    }
  };
  Watch whole(Guard{share}, true);
  for (int i = 0; i < 200; ++i) {
    step(whole, i);
    Watch next(Guard{share}, true);
    ASSERT_TRUE(next.from_numbers(whole.numbers()));
    EXPECT_TRUE(next.numbers().equal(whole.numbers()));
    Watch other = whole;
    step(other, i + 1);
    step(next, i + 1);
    EXPECT_TRUE(next.numbers().equal(other.numbers())) << i;
  }
  EXPECT_EQ(whole.answer(), Answer::kSource);
}

INSTANTIATE_TEST_SUITE_P(Shares, WatchedNumbers, ::testing::Values(0.25, 0.1, 0.3, 1.0));

TEST_F(Watched, RefusesNumbersThatNoGuardHas) {
  feed(sure(20), collapsed(20));
  const at::Tensor numbers = watch_.numbers();
  Watch next(Guard{1.0}, true);
  EXPECT_FALSE(next.from_numbers(numbers.slice(0, 0, 5)));
  EXPECT_FALSE(next.from_numbers(numbers.slice(0, 0, numbers.numel() - 1)));
  EXPECT_FALSE(next.from_numbers(numbers.view({1, -1})));
  for (const std::int64_t i : {0, 3, 8}) {
    for (const double value : {-1.0, 1e300, std::nan("")}) {
      at::Tensor broken = numbers.clone();
      broken[i] = value;
      EXPECT_FALSE(next.from_numbers(broken)) << i << ' ' << value;
    }
  }
  EXPECT_TRUE(next.numbers().equal(Watch(Guard{1.0}, true).numbers()));
  EXPECT_TRUE(next.from_numbers(numbers));
}

TEST_F(Watched, ResetForgetsTheStreamButNotWhyItCannotWatch) {
  feed(sure(50), collapsed(50));
  feed(sure(50), collapsed(50));
  watch_.reset();
  EXPECT_EQ(watch_.answer(), Answer::kAdapted);
  EXPECT_TRUE(watch_.on());
  watch_.stop_watching("a reason");
  watch_.reset();
  EXPECT_FALSE(watch_.on());
}

}  // namespace
}  // namespace ttscale
