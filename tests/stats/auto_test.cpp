// SPDX-License-Identifier: MIT
// auto against plain scalar loops, over streams that meet every branch of it, and its behaviour at the edges.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "auto_reference.h"
#include "stats/rules.h"
#include "stats/rules/auto_loops.h"
#include "stats/rules/auto_neighbours.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

constexpr std::int64_t kPositions = 64;  // of each map
constexpr std::int64_t kChannels = 5;
constexpr std::int64_t kClasses = 7;
constexpr double kEps = 1e-3;

at::Tensor row(const reference::Row& values) { return at::tensor(values, at::kDouble); }

reference::Row to_row(const at::Tensor& t) { return {t.data_ptr<double>(), t.data_ptr<double>() + t.numel()}; }

reference::Batch to_batch(const Moments& images) {
  reference::Batch out;
  out.positions = kPositions;
  for (std::int64_t i = 0; i < images.mean.size(0); ++i) {
    out.mean.push_back(to_row(images.mean[i].contiguous()));
    out.var.push_back(to_row(images.var[i].contiguous()));
  }
  return out;
}

/// A stream through two sites, beside its scalar double.
class Auto : public ::testing::Test {
 protected:
  explicit Auto(const std::string& rule = "auto", bool early = false) : rule_(parse_rule(rule)) {
    const StateSize size = state_size(rule_);
    stream_ = at::zeros({size.stream}, at::kDouble);
    for (SiteState& site : sites_) {
      site = {at::zeros({early ? size.rows + size.early_rows : size.rows, kChannels}, at::kDouble),
              at::zeros({size.counters}, at::kDouble), at::zeros({4, kChannels}, at::kDouble), stream_};
    }
    for (reference::AutoSite& site : scalar_sites_) {
      site.early = early;
    }
  }

  [[nodiscard]] const rule::Auto& options() const { return std::get<rule::Auto>(rule_); }
  [[nodiscard]] static Moments source(std::size_t site) {
    return {row({0.1, -0.4, 2, 0, 30}) + static_cast<double>(site), row({1, 0.3, 4, 1e-12, 9})};
  }

  /// Moments of `n` images whose means are `shift` and whose deviations `scale` of the source's, each image a little
  /// off.
  [[nodiscard]] static Moments images(std::int64_t n, double shift, double scale, std::size_t site) {
    const Moments s = source(site);
    const at::Tensor noise = at::randn({n, kChannels}, at::kDouble) * 0.2;
    return {s.mean + (shift + noise) * s.var.sqrt(), s.var * scale * scale * (noise * 0.5).exp()};
  }

  Moments feed(std::size_t site, const Moments& images) {
    return step(rule_, source(site), at::full({}, kEps, at::kDouble), {images, kPositions}, sites_[site]);
  }

  void predict(const std::vector<std::int64_t>& classes) {
    const at::Tensor is_class = at::one_hot(at::tensor(classes, at::kLong), kClasses).to(at::kDouble);
    const double others = (1 - probability_) / static_cast<double>(kClasses - 1);
    finish(rule_, is_class * (probability_ - others) + others, stream_);
  }

  /// Feeds both and compares.
  void follow(std::int64_t n, double shift, double scale, const std::vector<std::int64_t>& pattern) {
    begin(rule_, stream_, true);
    for (std::size_t k = 0; k < 2; ++k) {
      Moments batch = images(n, shift, scale, k);
      if (mixed_) {  // every other image is from elsewhere
        batch.mean.slice(0, 1, n, 2).copy_(images(n / 2, -shift, 1 / scale, k).mean);
        batch.var.slice(0, 1, n, 2).copy_(images(n / 2, -shift, 1 / scale, k).var);
      }
      const Moments used = feed(k, batch);
      const reference::Batch want = reference::auto_site(options(), scalar_sites_[k], scalar_stream_, to_batch(batch));
      for (std::int64_t i = 0; i < n; ++i) {
        const auto image = static_cast<std::size_t>(i);
        EXPECT_TRUE(used.mean[i].allclose(row(want.mean[image]), 1e-9, 1e-12)) << "site " << k << " image " << i;
        EXPECT_TRUE(used.var[i].allclose(row(want.var[image]), 1e-9, 1e-12)) << "site " << k << " image " << i;
      }
    }
    std::vector<std::int64_t> classes;
    std::vector<std::size_t> indices;
    for (std::int64_t i = 0; i < n; ++i) {
      classes.push_back(pattern[static_cast<std::size_t>(i) % pattern.size()]);
      indices.push_back(static_cast<std::size_t>(classes.back()));
    }
    predict(classes);
    reference::auto_finish(options(), scalar_stream_, indices, kClasses, probability_);
    EXPECT_NEAR(stream_[auto_state::kConcentration].item<double>(), scalar_stream_.concentration, 1e-12);
    EXPECT_NEAR(stream_[auto_state::kLatest].item<double>(), scalar_stream_.latest_concentration, 1e-12);
    EXPECT_NEAR(stream_[auto_state::kMemory].item<double>(), scalar_stream_.memory, 1e-9);
    EXPECT_NEAR(stream_[auto_state::kRatios].item<double>(), scalar_stream_.ratios, 1e-8);
    EXPECT_NEAR(stream_[auto_state::kRatioCount].item<double>(), scalar_stream_.ratio_count, 1e-9);
    EXPECT_NEAR(stream_[auto_state::kPairs].item<double>(), scalar_stream_.pairs, 1e-9);
    EXPECT_NEAR(stream_[auto_state::kApartDistance].item<double>(), scalar_stream_.xy, 1e-8);
    EXPECT_NEAR(remembered(), scalar_stream_.remembered, 1e-6);
  }

  [[nodiscard]] double remembered() const { return stream_[auto_state::kRemembered].item<double>(); }
  [[nodiscard]] double share() const { return neighbour_share(options(), stream_.data_ptr<double>()); }

  Rule rule_;
  bool mixed_ = false;
  double probability_ = 1;
  at::Tensor stream_;
  std::array<SiteState, 2> sites_;
  std::vector<reference::AutoSite> scalar_sites_{{to_row(source(0).mean), to_row(source(0).var), kEps},
                                                 {to_row(source(1).mean), to_row(source(1).var), kEps}};
  reference::AutoStream scalar_stream_;
};

const std::vector<std::int64_t> kMixed{0, 1, 2, 3, 4, 5, 6};
const std::vector<std::int64_t> kOneClass{3};

TEST_F(Auto, FollowsItsFormulasOverAStreamThatChanges) {
  at::manual_seed(1);
  for (const std::int64_t n : {20, 5, 1, 16, 3, 40}) {
    follow(n, 0.3, 0.8, kMixed);
  }
  for (const std::int64_t n : {16, 16, 7}) {  // a jump that forgets
    follow(n, -2, 3, kMixed);
  }
  EXPECT_LT(sites_[0].counters[3 + auto_state::kHistory].item<double>(), 60) << "the jump must have been noticed";
  for (int i = 0; i < 12; ++i) {
    follow(16, 0.1, 1, kOneClass);
  }
  EXPECT_GT(stream_[auto_state::kConcentration].item<double>(), 0.1);
}

/// Visits of ten images to two places in turn.
struct Visits {
  bool mixed = false;      ///< each visit is half of either
  double distance = 1.5;   ///< of a place from the source
  bool one_class = false;  ///< the images of a visit are predicted to be of one class, not of ten
};

/// Images that the history is worth after twelve visits.
double history_after(const std::string& text, const Visits& visits) {
  at::manual_seed(13);
  const Rule rule = parse_rule(text);
  const StateSize size = state_size(rule);
  const Moments source{at::zeros({kChannels}, at::kDouble), at::ones({kChannels}, at::kDouble)};
  SiteState site{at::zeros({size.rows, kChannels}, at::kDouble), at::zeros({size.counters}, at::kDouble),
                 at::zeros({4, kChannels}, at::kDouble), at::zeros({size.stream}, at::kDouble)};
  for (int visit = 0; visit < 12; ++visit) {
    begin(rule, site.stream, true);
    at::Tensor shift = at::full({10, 1}, visit % 2 == 0 ? visits.distance : -visits.distance, at::kDouble);
    if (visits.mixed) {
      shift.slice(0, 0, 5).neg_();
    }
    const at::Tensor noise = at::randn({10, kChannels}, at::kDouble) * 0.3;
    step(rule, source, at::full({}, kEps, at::kDouble), {{shift + noise, at::ones({10, kChannels}, at::kDouble)}, 64},
         site);
    finish(rule, visits.one_class ? at::eye(10)[visit % 10].expand({10, 10}) : at::eye(10), site.stream);
  }
  return site.counters[3 + auto_state::kHistory].item<double>();
}

TEST(AutoChange, ShortVisitsToDomainsAreToldApartThoughEveryBlockJumps) {
  EXPECT_LT(history_after("auto", {}), 15);
  EXPECT_GT(history_after("auto:distinct=100", {}), 25) << "jumps alone become usual";
}

TEST(AutoChange, AMixedStreamIsNotForgotten) {
  Visits visits;
  visits.mixed = true;
  EXPECT_GT(history_after("auto", visits), 100);
}

TEST(AutoChange, AClassThatFollowsAnotherIsNotForgottenAsADomainWouldBe) {
  Visits visits;
  visits.distance = 0.3;
  EXPECT_LT(history_after("auto", visits), 85);
  visits.one_class = true;
  EXPECT_GT(history_after("auto", visits), 100);
}

TEST_F(Auto, FollowsItsFormulasOverSingleImages) {
  at::manual_seed(2);
  for (int i = 0; i < 40; ++i) {
    follow(1, 1, 1.5, {i % kClasses});
  }
}

TEST_F(Auto, FollowsItsFormulasBeyondItsMemory) {
  at::manual_seed(3);
  for (int i = 0; i < 8; ++i) {
    follow(64, 0.5, 1, kMixed);
  }
  EXPECT_LE(sites_[0].counters[3 + auto_state::kHistory].item<double>(), options().memory_diverse + 64);
}

class AutoWithOtherConstants : public Auto {
 protected:
  AutoWithOtherConstants()
      : Auto(
            "auto:weight=1,shift=0.02,count=2,correlation=0.1,spread=0.5,positions=20,memory=100,memory_diverse=20,"
            "jump=0.01,surprise=2,distinct=0.8,restraint=2,concentration=0.5,block=6") {}
};

TEST_F(AutoWithOtherConstants, FollowsItsFormulas) {
  at::manual_seed(4);
  for (const std::int64_t n : {9, 2, 16, 3, 4, 1, 30, 30, 30}) {
    follow(n, 0.4, 1.2, kMixed);
  }
  follow(20, 3, 0.2, kOneClass);
}

class AutoAtEarlySites : public Auto {
 protected:
  explicit AutoAtEarlySites(const std::string& rule = "auto") : Auto(rule, /*early=*/true) {}
};

TEST_F(AutoAtEarlySites, FollowItsFormulasOverAMixedStream) {
  at::manual_seed(21);
  mixed_ = true;
  probability_ = 0.8;
  for (const std::int64_t n : {20, 5, 1, 16, 3, 40, 16, 16, 7, 150, 128, 30, 1, 1}) {
    follow(n, 1.5, 0.7, kMixed);
  }
  EXPECT_GT(share(), 0.5) << "the stream must have been found to be mixed";
}

TEST_F(AutoAtEarlySites, FollowItsFormulasOverSingleImagesOfAMixedStream) {
  at::manual_seed(22);
  for (int i = 0; i < 100; ++i) {
    follow(1, i % 2 == 0 ? 1.5 : -1.5, 1, {i / 2 % kClasses});
  }
  EXPECT_GT(share(), 0.5);
}

TEST_F(AutoAtEarlySites, FollowItsFormulasOverAStreamThatDrifts) {
  at::manual_seed(32);
  for (int i = 0; i < 25; ++i) {
    follow(i % 3 == 0 ? 20 : 12, 0.05 * i, 1, kMixed);
  }
  EXPECT_LT(remembered(), 40) << "the drift must have been found";
  EXPECT_LT(sites_[0].counters[3 + auto_state::kHistory].item<double>(), 40);
  for (int i = 0; i < 30; ++i) {
    follow(12, 1.25, 1, kMixed);
  }
  EXPECT_EQ(remembered(), stream_[auto_state::kMemory].item<double>()) << "it has ended";
}

/// What images a stream of 288 shows, in the deviation of images about their place.
struct Course {
  double drift = 0;            ///< of the place, an image
  double jump = 0;             ///< of the place
  double jumps_at = 144;       ///< after so many images
  double classes = 0;          ///< distance of classes, which come in runs of 48 images
  bool knows_classes = false;  ///< the predictions are of those classes, else of all in turn
  std::int64_t images = 16;    ///< of a batch
  std::string text = "auto";
  bool in_tensors = false;
};

/// The stream's numbers at its end.
at::Tensor stream_after(const Course& course) {
  constexpr std::int64_t kWide = 24;
  at::manual_seed(33);
  const Rule rule = parse_rule(course.text);
  const Moments source{at::zeros({kWide}, at::kDouble), at::ones({kWide}, at::kDouble)};
  const StateSize size = state_size(rule);
  SiteState site{at::zeros({size.rows + size.early_rows, kWide}, at::kDouble), at::zeros({size.counters}, at::kDouble),
                 at::zeros({4, kWide}, at::kDouble), at::zeros({size.stream}, at::kDouble)};
  if (course.in_tensors) {  // not where loops read
    site.stream = at::zeros({2 * size.stream}, at::kDouble).slice(0, 0, 2 * size.stream, 2);
  }
  const at::Tensor places = 0.2 * course.classes * at::randn({kClasses, kWide}, at::kDouble);
  const at::Tensor direction = 0.2 * at::randn({kWide}, at::kDouble).sign();
  for (std::int64_t batch = 0; batch < 288 / course.images; ++batch) {
    const at::Tensor time = at::arange(course.images, at::kDouble) + static_cast<double>(batch * course.images);
    const at::Tensor label = time.div(48, "floor").remainder(kClasses).to(at::kLong);
    const at::Tensor way = course.drift * time + course.jump * (time >= course.jumps_at).to(at::kDouble);
    begin(rule, site.stream, true);
    const Moments images{0.2 * at::randn({course.images, kWide}, at::kDouble) + way.unsqueeze(1) * direction +
                             places.index_select(0, label),
                         at::ones({course.images, kWide}, at::kDouble)};
    const auto step_of = course.in_tensors ? step_in_tensors : step;
    step_of(rule, source, at::full({}, kEps, at::kDouble), {images, kPositions}, site);
    const at::Tensor predicted = course.knows_classes ? label : time.remainder(kClasses).to(at::kLong);
    finish(rule, at::one_hot(predicted, kClasses).to(at::kDouble), site.stream);
  }
  return site.stream;
}

double remembered_after(const Course& course) { return stream_after(course)[auto_state::kRemembered].item<double>(); }

TEST(AutoDrift, ShortensTheMemory) {
  Course course;
  const double steady = remembered_after(course);
  EXPECT_EQ(steady, 128);
  course.drift = 0.012;
  const double slow = remembered_after(course);
  EXPECT_LT(slow, 60);
  course.drift = 0.015;
  const double fast = remembered_after(course);
  EXPECT_LT(fast, slow);
  EXPECT_GE(fast, 8) << "a block";
  course.text = "auto:neighbours=0";
  EXPECT_EQ(remembered_after(course), steady) << "nothing to tell it by";
}

TEST(AutoDrift, IsNeitherAJumpNorClassesInRuns) {
  Course jump;
  jump.jump = 8;
  for (const double at : {144, 145, 150, 159}) {
    jump.jumps_at = at;
    for (const std::int64_t images : {16, 48}) {
      jump.images = images;
      EXPECT_EQ(remembered_after(jump), 128) << at << ", batches of " << images;
    }
  }
  Course sorted;
  sorted.classes = 1.5;
  sorted.knows_classes = true;
  EXPECT_GT(remembered_after(sorted), 128) << "a stream of few classes is remembered for longer";
  sorted.knows_classes = false;
  EXPECT_LT(remembered_after(sorted), 60) << "or the classes had not been what tells";
}

TEST(AutoDrift, IsTheSameInBothForms) {
  for (const double drift : {0.012, 0.015}) {
    Course course;
    course.drift = drift;
    const double in_loops = remembered_after(course);
    course.in_tensors = true;
    EXPECT_NEAR(remembered_after(course), in_loops, 1e-6);
    EXPECT_LT(in_loops, 100);
  }
}

TEST(AutoDrift, WhatIsFoundIsSaidInWords) {
  const rule::Auto rule;
  Course course;
  EXPECT_THAT(findings(rule, stream_after(course)), ::testing::IsEmpty());
  course.drift = 0.04;
  EXPECT_THAT(findings(rule, stream_after(course)), ::testing::ElementsAre(::testing::HasSubstr("the stream drifts")));
  at::Tensor mixed = stream_after({});
  mixed[auto_state::kRatios] = 200;
  mixed[auto_state::kRatioCount] = 50;
  EXPECT_THAT(findings(rule, mixed), ::testing::ElementsAre(::testing::HasSubstr("mixed of several domains")));
  EXPECT_THAT(findings(parse_rule("ema"), mixed), ::testing::IsEmpty());
}

/// Share of neighbours after fourteen batches of images that lie about seven places.
struct Places {
  double distance = 1;       ///< of a place from the source, in the deviation of images about it
  bool are_classes = false;  ///< what lies about a place is of one class; otherwise of any
};

double share_among(const Places& places) {
  constexpr std::int64_t kWide = 48;
  constexpr std::int64_t kImages = 2 * kClasses;
  at::manual_seed(23);
  const Rule rule = parse_rule("auto");
  const StateSize size = state_size(rule);
  const Moments source{at::zeros({kWide}, at::kDouble), at::ones({kWide}, at::kDouble)};
  SiteState site{at::zeros({size.rows + size.early_rows, kWide}, at::kDouble), at::zeros({size.counters}, at::kDouble),
                 at::zeros({4, kWide}, at::kDouble), at::zeros({size.stream}, at::kDouble)};
  const at::Tensor place = at::arange(kImages).remainder(kClasses);
  const at::Tensor means = 0.3 * places.distance * at::randn({kClasses, kWide}, at::kDouble);
  for (int batch = 0; batch < 14; ++batch) {
    begin(rule, site.stream, true);
    const at::Tensor noise = 0.3 * at::randn({2, kImages, kWide}, at::kDouble);
    step(rule, source, at::full({}, kEps, at::kDouble),
         {{means.index_select(0, place) + noise[0], noise[1].exp()}, kPositions}, site);
    const at::Tensor label = places.are_classes ? place : (place + batch).remainder(kClasses);
    finish(rule, at::one_hot(label, kClasses).to(at::kFloat), site.stream);
  }
  return neighbour_share(std::get<rule::Auto>(rule), site.stream.data_ptr<double>());
}

TEST(AutoNeighbours, CountInAMixedStreamOnly) {
  EXPECT_GT(share_among({2, false}), 0.9);
  EXPECT_EQ(share_among({0, false}), 0) << "one domain";
}

TEST(AutoNeighbours, AreNotClassesTakenForDomains) { EXPECT_LT(share_among({2, true}), 0.1); }

TEST_F(AutoAtEarlySites, CountTheFirstImagesOnceThoughTheyAreLookedAtTwice) {
  at::manual_seed(29);
  const auto forward = [&](at::Tensor& stream) {
    at::manual_seed(30);
    for (SiteState& site : sites_) {
      site.stream = stream;
    }
    begin(rule_, stream, true);
    for (std::size_t k = 0; k < 2; ++k) {
      feed(k, images(80, 1, 1, k));
    }
    finish(rule_, at::randn({80, kClasses}), stream);
  };
  at::Tensor looked = stream_.clone();
  forward(looked);
  for (SiteState& site : sites_) {
    site.running.zero_();
    site.counters.zero_();
  }
  take_first_look(rule_, looked, stream_);
  EXPECT_GT(stream_[auto_state::kRatioCount].item<double>(), 0);
  forward(stream_);
  EXPECT_EQ(stream_[auto_state::kRatioCount].item<double>(), 80);
}

TEST_F(AutoAtEarlySites, StopComparingWhereScoresNeverCome) {
  at::manual_seed(31);
  const auto forward = [&](const at::Tensor& scores) {
    begin(rule_, stream_, true);
    feed(0, images(8, 1, 1, 0));
    const bool compared = stream_[auto_state::kCompared].item<double>() > 0;
    finish(rule_, scores, stream_);
    return compared;
  };
  const at::Tensor maps = at::zeros({8, kClasses, 4, 4});
  EXPECT_TRUE(forward(maps));
  EXPECT_FALSE(forward(maps));
  EXPECT_FALSE(forward(at::randn({8, kClasses})));
  EXPECT_TRUE(forward(maps)) << "there have been scores";
}

TEST_F(AutoAtEarlySites, DoWithoutScoresAsLaterSitesDo) {
  SiteState later{at::zeros({state_size(rule_).rows, kChannels}, at::kDouble), sites_[0].counters.clone(),
                  at::zeros({4, kChannels}, at::kDouble), stream_.clone()};
  stream_[auto_state::kRatios] = 200;  // neighbours would count
  stream_[auto_state::kRatioCount] = 50;
  at::manual_seed(25);
  for (int i = 0; i < 10; ++i) {
    begin(rule_, stream_, false);
    begin(rule_, later.stream, false);
    const Moments batch = images(32, 1.5, 1, 0);
    const Moments used = step(rule_, source(0), at::full({}, kEps, at::kDouble), {batch, kPositions}, later);
    EXPECT_TRUE(feed(0, batch).mean.equal(used.mean));
  }
  EXPECT_EQ(sites_[0].running.slice(0, state_size(rule_).rows).abs().max().item<double>(), 0) << "nothing is kept";
}

TEST_F(AutoAtEarlySites, HaveNoPredictionsOfImagesWhoseScoresAreOfOthers) {
  const at::Tensor kept =
      stream_.narrow(0, NeighbourLayout(options()).probabilities(), NeighbourLayout(options()).slots());
  const auto forward = [&](std::int64_t scores) {
    begin(rule_, stream_, true);
    feed(0, images(100, 1, 1, 0));
    finish(rule_, at::one_hot(at::arange(scores).remainder(kClasses), kClasses).to(at::kDouble), stream_);
  };
  forward(100);
  EXPECT_EQ(kept.sum().item<double>(), 100);
  forward(7);
  EXPECT_EQ(kept.sum().item<double>(), 28) << "the new ones took 28 free rows and 72 of those before";
}

TEST_F(AutoAtEarlySites, KeepNothingOfABatchThatIsRefused) {
  at::manual_seed(26);
  begin(rule_, stream_, true);
  feed(0, images(8, 1, 1, 0));
  const at::Tensor before = sites_[0].running.clone();
  const at::Tensor shared = stream_.clone();
  Moments broken = images(4, 1, 1, 0);
  broken.mean[2].fill_(std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(feed(0, broken).mean.isfinite().all().item<bool>());
  EXPECT_TRUE(sites_[0].running.equal(before));
  EXPECT_TRUE(stream_.equal(shared));
}

TEST_F(AutoAtEarlySites, GoOnWithMoreImagesThanAreCompared) {
  at::manual_seed(27);
  begin(rule_, stream_, true);
  const Moments batch = images(auto_state::kMostCompared + 10, 1, 1, 0);
  EXPECT_TRUE(feed(0, batch).mean.isfinite().all().item<bool>());
  EXPECT_EQ(stream_[auto_state::kCompared].item<double>(), 0);
  const auto kept = static_cast<std::int64_t>(options().neighbours);
  const at::Tensor rows = sites_[0].running.narrow(0, state_size(rule_).rows, kept);
  const std::int64_t count = batch.mean.size(0);
  for (std::int64_t i = count - kept; i < count; ++i) {
    const at::Tensor mean = (batch.mean[i] - source(0).mean) / (source(0).var + kEps).sqrt();
    EXPECT_TRUE(rows[i % kept].allclose(mean)) << "the last are kept; image " << i;
  }
  predict(std::vector<std::int64_t>(static_cast<std::size_t>(batch.mean.size(0)), 2));
  EXPECT_EQ(stream_[auto_state::kRatioCount].item<double>(), 0);
}

class AutoWithFewNeighbours : public AutoAtEarlySites {
 protected:
  AutoWithFewNeighbours() : AutoAtEarlySites("auto:neighbours=24,alike=5,apart=3,few_classes=2") {}
};

TEST_F(AutoWithFewNeighbours, FollowsItsFormulas) {
  at::manual_seed(28);
  mixed_ = true;
  for (const std::int64_t n : {9, 2, 16, 3, 4, 1, 30, 30, 24, 7}) {
    follow(n, 1.2, 1.2, kMixed);
  }
  EXPECT_GT(share(), 0.5);
}

TEST(AutoNeighbours, NoneAreKeptWhereNoneAreAskedFor) {
  const StateSize size = state_size(parse_rule("auto:neighbours=0"));
  EXPECT_EQ(size.rows_at(0, 100), size.rows);
  EXPECT_EQ(size.stream, auto_state::kStreamNumbers);
  EXPECT_EQ(size.scratch, 0);
}

TEST(AutoNeighbours, AreKeptAtTheFirstSitesUpToTheMiddle) {
  const StateSize size = state_size(parse_rule("auto"));
  EXPECT_EQ(size.rows_at(7, 50), size.rows + 256);
  EXPECT_EQ(size.rows_at(8, 50), size.rows);
  EXPECT_EQ(size.rows_at(1, 5), size.rows + 256);
  EXPECT_EQ(size.rows_at(2, 5), size.rows);
  EXPECT_EQ(size.rows_at(0, 1), size.rows) << "a single site may be the last";
}

double weight_of(const Moments& used, const Moments& source, double shift) {
  return ((used.mean - source.mean) / (shift * source.var.sqrt())).mean().item<double>();
}

TEST_F(Auto, DoubtIsNoEvidenceOfFewClasses) {
  begin(rule_, stream_, true);
  finish(rule_, at::zeros({50, kClasses}), stream_);
  EXPECT_EQ(stream_[auto_state::kConcentration].item<double>(), 0);
  begin(rule_, stream_, true);
  finish(rule_, at::one_hot(at::full({200}, 3, at::kLong), kClasses) * 20.0, stream_);
  EXPECT_GT(stream_[auto_state::kConcentration].item<double>(), 0.3);
}

TEST_F(Auto, InfiniteScoresCountForNothing) {
  at::Tensor scores = at::randn({30, kClasses});
  scores[3][2] = std::numeric_limits<float>::infinity();
  scores[4].fill_(-std::numeric_limits<float>::infinity());
  begin(rule_, stream_, true);
  finish(rule_, scores, stream_);
  EXPECT_TRUE(stream_.isfinite().all().item<bool>());
  EXPECT_NEAR(stream_.slice(0, auto_state::kClasses, auto_state::kClasses + kClasses).sum().item<double>(), 28, 1e-5);
}

TEST_F(Auto, CountsProbabilitiesAndScoresAlike) {
  at::manual_seed(12);
  const at::Tensor scores = at::randn({30, kClasses});
  begin(rule_, stream_, true);
  finish(rule_, scores, stream_);
  const at::Tensor of_scores = stream_.clone();
  stream_.zero_();
  begin(rule_, stream_, true);
  finish(rule_, scores.softmax(1), stream_);
  EXPECT_TRUE(stream_.allclose(of_scores, 1e-5, 1e-7));
}

TEST_F(Auto, LeavesDataOfTheSourceAlone) {
  at::manual_seed(5);
  Moments used;
  for (int i = 0; i < 20; ++i) {
    begin(rule_, stream_, true);
    Moments batch = images(32, 0, 1, 0);
    used = feed(0, batch);
    predict(kMixed);
  }
  EXPECT_LT(hellinger(used, source(0)).mean().item<double>(), 1e-4);
}

TEST_F(Auto, ADeadChannelOfTheSourceDoesNotOpenTheGate) {
  // Variance far below eps in both: the layer sees a constant, whatever the ratio of the two.
  const Moments quiet{at::zeros({kChannels}, at::kDouble), at::full({kChannels}, 1e-14, at::kDouble)};
  const Moments batch{at::zeros({32, kChannels}, at::kDouble), at::full({32, kChannels}, 1e-9, at::kDouble)};
  begin(rule_, stream_, true);
  const Moments used = step(rule_, quiet, at::full({}, kEps, at::kDouble), {batch, 64}, sites_[0]);
  EXPECT_LT((used.var - quiet.var).abs().max().item<double>(), 1e-9);
}

TEST_F(Auto, AChannelWithoutUnitsStaysTheSourceAndSpoilsNoOther) {
  const Moments pruned = source(0);
  pruned.var[0] = 0;
  at::Tensor eps = at::full({kChannels}, kEps, at::kDouble);
  eps[0] = 0;
  Moments batch = images(20, 2, 1, 0);
  batch.mean.select(1, 0).fill_(pruned.mean[0].item<double>());
  batch.mean[3][0] += 5;  // alive here
  batch.var.select(1, 0).zero_();
  begin(rule_, stream_, true);
  const Moments used = step(rule_, pruned, eps, {batch, 64}, sites_[0]);
  EXPECT_TRUE(used.mean.isfinite().all().item<bool>());
  EXPECT_TRUE(used.mean.select(1, 0).eq(pruned.mean[0]).all().item<bool>());
  EXPECT_TRUE(used.var.select(1, 0).eq(0).all().item<bool>());
  EXPECT_GT(
      weight_of({used.mean.slice(1, 1), used.var.slice(1, 1)}, {pruned.mean.slice(0, 1), pruned.var.slice(0, 1)}, 2),
      0.05)
      << "the others follow";
  EXPECT_TRUE(sites_[0].running.isfinite().all().item<bool>());
}

TEST_F(Auto, TrustsManyImagesMoreThanFew) {
  at::manual_seed(6);
  double last = 0;
  for (int i = 0; i < 5; ++i) {
    begin(rule_, stream_, true);
    const double w = weight_of(feed(0, images(16, 3, 1, 0)), source(0), 3);
    EXPECT_GT(w, last);
    last = w;
    predict({0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1});
  }
  EXPECT_LT(last, options().weight);
}

TEST_F(Auto, TrustsImagesOfOneClassLess) {
  at::manual_seed(7);
  const auto weight_after = [&](const std::vector<std::int64_t>& classes) {
    for (SiteState& site : sites_) {
      site.running.zero_();
      site.counters.zero_();
    }
    stream_.zero_();
    Moments used;
    for (int i = 0; i < 4; ++i) {
      begin(rule_, stream_, true);
      used = feed(0, images(14, 3, 1, 0));
      predict(classes);
    }
    return weight_of(used, source(0), 3);
  };
  const double mixed = weight_after({0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6});
  const double one = weight_after(std::vector<std::int64_t>(14, 2));
  EXPECT_LT(one, 0.3 * mixed);
}

TEST_F(Auto, OneImageOfOnePixelIsFinite) {
  begin(rule_, stream_, true);
  const Moments pixel{at::full({1, kChannels}, 50.0, at::kDouble), at::zeros({1, kChannels}, at::kDouble)};
  const Moments used = step(rule_, source(0), at::full({}, kEps, at::kDouble), {pixel, 1}, sites_[0]);
  EXPECT_TRUE(used.mean.isfinite().all().item<bool>());
  EXPECT_TRUE(used.var.isfinite().all().item<bool>());
  EXPECT_GE((used.var + kEps).min().item<double>(), 0);
}

TEST_F(Auto, ImagesWithNanCountForNothing) {
  at::manual_seed(8);
  begin(rule_, stream_, true);
  feed(0, images(8, 1, 1, 0));
  const at::Tensor before = sites_[0].running.clone();
  const at::Tensor numbers = sites_[0].counters.slice(0, 3).clone();
  const at::Tensor shared = stream_.clone();
  Moments broken = images(4, 1, 1, 0);
  broken.mean[2].fill_(std::numeric_limits<double>::quiet_NaN());
  const Moments used = feed(0, broken);
  EXPECT_TRUE(used.mean.isfinite().all().item<bool>());
  EXPECT_TRUE(sites_[0].running.equal(before));
  EXPECT_TRUE(sites_[0].counters.slice(0, 3).equal(numbers));
  EXPECT_TRUE(stream_.equal(shared));
  EXPECT_EQ(sites_[0].counters[2].item<double>(), 1);
}

TEST_F(Auto, AScoreWithNanIsNoPrediction) {
  begin(rule_, stream_, true);
  feed(0, images(2, 1, 1, 0));
  at::Tensor scores = at::zeros({2, kClasses});
  scores[0][4] = 1;
  scores[1][2] = std::numeric_limits<float>::quiet_NaN();
  finish(rule_, scores, stream_);
  const at::Tensor history = stream_.slice(0, auto_state::kClasses, auto_state::kClasses + kClasses);
  EXPECT_EQ(history.sum().item<double>(), 1);
  EXPECT_EQ(history[4].item<double>(), 1);
}

TEST_F(Auto, OfSeveralOutputsTheFirstCounts) {
  begin(rule_, stream_, true);
  feed(0, images(2, 1, 1, 0));
  finish(rule_, at::zeros({2, kClasses, 4, 4}), stream_);  // a map of scores tells nothing about classes
  finish(rule_, at::one_hot(at::tensor({1L, 1L}), kClasses).to(at::kFloat), stream_);
  finish(rule_, at::one_hot(at::tensor({3L, 3L}), kClasses).to(at::kFloat), stream_);
  const at::Tensor history = stream_.slice(0, auto_state::kClasses, auto_state::kClasses + kClasses);
  EXPECT_EQ(history[1].item<double>(), 2);
  EXPECT_EQ(history[3].item<double>(), 0);
}

TEST_F(Auto, WithoutScoresClassesAreTakenForMixed) {
  at::manual_seed(9);
  begin(rule_, stream_, false);
  const double without = weight_of(feed(0, images(14, 3, 1, 0)), source(0), 3);
  stream_.zero_();
  sites_[0].running.zero_();
  sites_[0].counters.zero_();
  at::manual_seed(9);
  begin(rule_, stream_, true);
  const double cautious = weight_of(feed(0, images(14, 3, 1, 0)), source(0), 3);
  EXPECT_GT(without, cautious);
}

TEST_F(Auto, ManyClassesShareBins) {
  begin(rule_, stream_, true);
  feed(0, images(2, 1, 1, 0));
  const std::int64_t classes = 3 * auto_state::kClassBins;
  finish(rule_, at::one_hot(at::tensor({5L, 5L + auto_state::kClassBins}), classes).to(at::kFloat), stream_);
  EXPECT_EQ(stream_[auto_state::kClasses + 5].item<double>(), 2);
}

TEST_F(Auto, SettledIsWhereAnEndlessStreamStays) {
  at::manual_seed(10);
  Moments used;
  for (int i = 0; i < 60; ++i) {
    begin(rule_, stream_, true);
    used = feed(0, images(32, 1, 1.5, 0));
    predict(kMixed);
  }
  const Moments fixed = settled(rule_, source(0), at::full({}, kEps, at::kDouble), sites_[0]);
  EXPECT_LT(hellinger({used.mean.mean(0), used.var.mean(0)}, fixed).mean().item<double>(), 1e-3);
  EXPECT_GT(hellinger(source(0), fixed).mean().item<double>(), 1e-2);
}

/// Two copies of one site, one stepped in loops and one by operators on tensors: its stream is none that loops read.
struct Twice {
  SiteState loops, tensors;

  Twice(const Rule& rule, std::int64_t channels) {
    const StateSize size = state_size(rule);
    for (SiteState* site : {&loops, &tensors}) {
      *site = {at::zeros({size.rows + size.early_rows, channels}, at::kDouble), at::zeros({size.counters}, at::kDouble),
               at::zeros({4, channels}, at::kDouble), at::zeros({size.stream}, at::kDouble)};
    }
    tensors.stream = at::zeros({2 * size.stream}, at::kDouble).slice(0, 0, 2 * size.stream, 2);
  }
};

void expect_close(const at::Tensor& a, const at::Tensor& b, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  const at::Tensor off = a.isclose(b, 1e-9, 1e-11, /*equal_nan=*/true).logical_not();
  EXPECT_FALSE(off.any().item<bool>()) << what << ", at " << at::nonzero(off)[0] << ": " << a.masked_select(off)[0]
                                       << " and " << b.masked_select(off)[0];
}

class AutoInLoops : public ::testing::TestWithParam<std::tuple<std::string, std::int64_t>> {};

TEST_P(AutoInLoops, IsAutoInTensors) {
  const auto& [text, channels] = GetParam();
  const Rule rule = parse_rule(text);
  at::manual_seed(14);
  const Moments source{at::randn({channels}, at::kDouble), at::rand({channels}, at::kDouble)};
  source.var[0] = 0;
  at::Tensor eps = channels % 2 == 0 ? at::full({}, kEps, at::kDouble) : at::rand({channels}, at::kDouble) * kEps;
  if (eps.dim() == 1 && channels > 1) {
    eps[0] = 0;  // a dead channel has no units
  }
  Twice site(rule, channels);
  int step_number = 0;
  for (const std::int64_t n : {1, 1, 6, 16, 3, 16, 32, 8, 1, 2, 3, 8, 16, 1, 1, 1, 1, 8}) {
    for (SiteState* state : {&site.loops, &site.tensors}) {
      begin(rule, state->stream, true);
      if (step_number == 7) {  // from here on neighbours count
        state->stream[auto_state::kRatios] = 200;
        state->stream[auto_state::kRatioCount] = 50;
      }
    }
    const bool one_class = step_number >= 10;
    const double shift = step_number < 5 ? 0.5 : step_number < 11 ? -2 : step_number % 2 == 0 ? -1 : 0;
    Moments images{source.mean + shift + at::randn({n, channels}, at::kDouble) * 0.4,
                   source.var * at::randn({n, channels}, at::kDouble).exp()};
    if (step_number == 3) {
      images.mean[1][0] = std::numeric_limits<double>::quiet_NaN();
      images.var[3][0] = std::numeric_limits<double>::infinity();  // where eps is one a channel, it is dead
      images.var[2][channels - 1] = std::numeric_limits<double>::infinity();
    }
    if (step_number == 2) {
      images.mean[0][channels - 1] = 1e200;  // finite, but not its square
    }
    if (step_number == 4) {
      images.mean.fill_(std::numeric_limits<double>::infinity());
    }
    ASSERT_TRUE(lie_in_memory(source, eps, {images, kPositions}, site.loops));
    const Moments in_loops = step_in_loops(std::get<rule::Auto>(rule), source, eps, {images, kPositions}, site.loops);
    const Moments in_tensors = step_in_tensors(rule, source, eps, {images, kPositions}, site.tensors);
    EXPECT_TRUE(in_loops.mean.isfinite().all().item<bool>()) << step_number;
    EXPECT_TRUE(in_loops.var.isfinite().all().item<bool>()) << step_number;
    expect_close(in_loops.mean, in_tensors.mean.expand_as(in_loops.mean), "mean");
    expect_close(in_loops.var, in_tensors.var.expand_as(in_loops.var), "variance");
    at::Tensor scores =
        one_class ? at::one_hot(at::full({n}, 3, at::kLong), kClasses) * 20.0 : at::randn({n, kClasses});
    if (step_number == 8) {
      scores[0][1] = std::numeric_limits<float>::quiet_NaN();
    }
    for (SiteState* state : {&site.loops, &site.tensors}) {
      finish(rule, scores, state->stream);
    }
    EXPECT_TRUE(site.loops.running.isfinite().all().item<bool>()) << step_number;
    expect_close(site.loops.running, site.tensors.running, "running");
    expect_close(site.loops.counters, site.tensors.counters, "counters");
    expect_close(site.loops.last, site.tensors.last, "last");
    expect_close(site.loops.stream, site.tensors.stream, "stream");
    ++step_number;
  }
  EXPECT_EQ(site.loops.counters[2].item<double>(), 2) << "batches with broken images";
  EXPECT_GT(site.loops.stream[auto_state::kLatest].item<double>(), 0.5);
  if (std::get<rule::Auto>(rule).neighbours > 0) {
    EXPECT_GT(site.loops.stream[auto_state::kRatioCount].item<double>(), 10);
  }
}

/// Images that come to two early sites in one forward, and what is odd about the stream.
struct OddForward {
  const char* what;
  std::int64_t first, second;
  std::int64_t scores;
  double before = 0;
  bool classes = true;
  bool same = false;  ///< all images are the same
  double drift = 0;   ///< numbers of a damaged state
};

class AutoOddForward : public ::testing::TestWithParam<OddForward> {};

/// Twice, in loops and in tensors: both finite and the same, with anything in what is scratch.
TEST_P(AutoOddForward, IsTheSameInBothForms) {
  constexpr std::int64_t kWide = 9;
  const OddForward& odd = GetParam();
  const Rule rule = parse_rule("auto");
  const StateSize size = state_size(rule);
  at::manual_seed(18);
  const Moments source{at::zeros({kWide}, at::kDouble), at::ones({kWide}, at::kDouble)};
  std::vector<Twice> sites;
  sites.reserve(2);
  for (int k = 0; k < 2; ++k) {
    sites.emplace_back(rule, kWide);
  }
  sites[1].loops.stream = sites[0].loops.stream;
  sites[1].tensors.stream = sites[0].tensors.stream;
  for (SiteState* state : {&sites[0].loops, &sites[0].tensors}) {
    state->stream.slice(0, size.stream - size.scratch).fill_(std::numeric_limits<double>::quiet_NaN());
    state->stream[auto_state::kBefore] = odd.before;
    state->stream[auto_state::kRatios] = 200;
    state->stream[auto_state::kRatioCount] = 50;
    state->stream[auto_state::kPairs] = odd.drift;
    state->stream[auto_state::kApartSquares] = odd.drift;
    state->stream[auto_state::kApartDistance] = -odd.drift;
    state->stream[auto_state::kSinceJump] = odd.drift;
  }
  const auto kept = [&](const at::Tensor& stream) { return stream.slice(0, 0, size.stream - size.scratch); };
  for (int forward = 0; forward < 3; ++forward) {
    for (SiteState* state : {&sites[0].loops, &sites[0].tensors}) {
      begin(rule, state->stream, odd.classes);
    }
    for (std::size_t k = 0; k < 2; ++k) {
      const std::int64_t n = k == 0 ? odd.first : odd.second;
      Moments images{1 + at::randn({n, kWide}, at::kDouble), at::rand({n, kWide}, at::kDouble) + 0.5};
      if (odd.same) {
        images = {images.mean[0].expand({n, kWide}).contiguous(), images.var[0].expand({n, kWide}).contiguous()};
      }
      const Moments in_loops = step(rule, source, at::full({}, kEps, at::kDouble), {images, 64}, sites[k].loops);
      const Moments in_tensors =
          step_in_tensors(rule, source, at::full({}, kEps, at::kDouble), {images, 64}, sites[k].tensors);
      EXPECT_TRUE(in_loops.mean.isfinite().all().item<bool>());
      expect_close(in_loops.mean, in_tensors.mean, "mean");
      expect_close(in_loops.var, in_tensors.var, "variance");
      expect_close(sites[k].loops.running, sites[k].tensors.running, "running");
    }
    const at::Tensor scores = at::randn({odd.scores, kClasses});
    for (SiteState* state : {&sites[0].loops, &sites[0].tensors}) {
      finish(rule, scores, state->stream);
      finish(rule, scores.slice(0, 1), state->stream);  // of several outputs the first counts
    }
    EXPECT_TRUE(kept(sites[0].loops.stream).isfinite().all().item<bool>());
    expect_close(kept(sites[0].loops.stream), kept(sites[0].tensors.stream), "stream");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forwards, AutoOddForward,
    ::testing::Values(OddForward{"as usual", 70, 70, 70}, OddForward{"more than rows", 300, 300, 300},
                      OddForward{"more than are compared", 600, 600, 600},
                      OddForward{"the second more than are compared", 100, 600, 600},
                      OddForward{"the second more", 100, 300, 300}, OddForward{"the second fewer", 300, 100, 100},
                      OddForward{"other scores", 80, 80, 7}, OddForward{"no classes", 80, 80, 80, 0, false},
                      OddForward{"all the same", 80, 80, 80, 0, true, true},
                      OddForward{"a negative count", 80, 80, 80, -127}, OddForward{"a huge count", 80, 80, 80, 1e300},
                      OddForward{"no count", 80, 80, 80, std::numeric_limits<double>::quiet_NaN()},
                      OddForward{"a drift of less than nothing", 80, 80, 80, 0, true, false, -1},
                      OddForward{"an endless drift", 80, 80, 80, 0, true, false, 1e300},
                      OddForward{"no drift", 80, 80, 80, 0, true, false, std::numeric_limits<double>::quiet_NaN()}),
    [](const auto& test) {
      std::string name = test.param.what;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

INSTANTIATE_TEST_SUITE_P(RulesAndWidths, AutoInLoops,
                         ::testing::Combine(::testing::Values("auto", "auto:neighbours=0,block=4",
                                                              "auto:neighbours=20,alike=3,apart=1.5",
                                                              "auto:spread=0,restraint=0,positions=0",
                                                              "auto:weight=1,block=1,distinct=0.1,count=0"),
                                            ::testing::Values(1, 2, 7, 64, 300)));

TEST(AutoLoops, GiveTheSameBitsOnEveryInstructionSet) {
  if (available_isas().size() == 1) {
    GTEST_SKIP() << "this CPU has the baseline alone: nothing to compare";
  }
  const Rule rule = parse_rule("auto");
  for (const std::int64_t channels : {1, 8, 61, 512}) {
    at::manual_seed(16);
    const Moments source{at::randn({channels}, at::kDouble), at::rand({channels}, at::kDouble)};
    source.var[0] = 0;
    at::Tensor eps = at::full({}, kEps, at::kDouble);
    if (channels % 2 == 0) {
      eps = at::rand({channels}, at::kDouble) * kEps;
      eps[0] = 0;
    }
    const StateSize size = state_size(rule);
    std::vector<at::Tensor> found;
    for (const Isa isa : available_isas()) {
      SCOPED_TRACE(isa_name(isa));
      at::manual_seed(17);
      Twice site(rule, channels);
      std::vector<at::Tensor> all;
      for (const std::int64_t n : {1, 5, 16, 3}) {
        begin(rule, site.loops.stream, true);
        site.loops.stream[auto_state::kRatios] = 200;  // neighbours count, from the first image on
        site.loops.stream[auto_state::kRatioCount] = 50;
        const Moments images{source.mean + at::randn({n, channels}, at::kDouble),
                             source.var * at::randn({n, channels}, at::kDouble).exp()};
        if (n == 5) {
          images.mean[2][channels - 1] = std::numeric_limits<double>::quiet_NaN();
        }
        const Moments used =
            step_in_loops(std::get<rule::Auto>(rule), source, eps, {images, kPositions}, site.loops, isa);
        all.insert(all.end(), {used.mean.flatten(), used.var.flatten()});
      }
      SiteState state = site.loops;
      state.stream = state.stream.slice(0, 0, size.stream - size.scratch);  // distances to nobody are infinite
      all.insert(all.end(), {state.running.flatten(), state.counters, state.last.flatten(), state.stream});
      found.push_back(at::cat(all));
      EXPECT_TRUE(found.back().isfinite().all().item<bool>());
      EXPECT_TRUE(found.back().equal(found.front())) << channels;
    }
  }
}

TEST(AutoLoops, GiveTheSameBitsForAnyNumberOfThreads) {
  const Rule rule = parse_rule("auto");
  constexpr std::int64_t kWide = 6001;  // more than a thread's share, and no whole number of vectors
  at::manual_seed(15);
  const Moments source{at::randn({kWide}, at::kDouble), at::rand({kWide}, at::kDouble) + 0.1};
  const Moments images{source.mean + at::randn({9, kWide}, at::kDouble),
                       source.var * 2 + at::rand({9, kWide}, at::kDouble)};
  const int threads = at::get_num_threads();
  std::vector<Moments> used;
  std::vector<SiteState> states;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    Twice site(rule, kWide);
    for (const std::int64_t n : {9, 1, 4}) {
      const Moments some{images.mean.narrow(0, 0, n), images.var.narrow(0, 0, n)};
      begin(rule, site.loops.stream, true);
      site.loops.stream[auto_state::kRatios] = 200;
      site.loops.stream[auto_state::kRatioCount] = 50;
      used.push_back(step(rule, source, at::full({}, kEps, at::kDouble), {some, kPositions}, site.loops));
    }
    states.push_back(site.loops);
  }
  at::set_num_threads(threads);
  for (std::size_t i = 3; i < used.size(); ++i) {
    EXPECT_TRUE(used[i].mean.equal(used[i % 3].mean)) << i;
    EXPECT_TRUE(used[i].var.equal(used[i % 3].var)) << i;
  }
  for (std::size_t i = 1; i < states.size(); ++i) {
    EXPECT_TRUE(states[i].running.equal(states[0].running)) << i;
    EXPECT_TRUE(states[i].counters.equal(states[0].counters)) << i;
    EXPECT_TRUE(states[i].last.equal(states[0].last)) << i;
    EXPECT_TRUE(states[i].stream.equal(states[0].stream)) << i;
  }
}

}  // namespace
}  // namespace ttscale::stats
