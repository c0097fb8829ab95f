// SPDX-License-Identifier: MIT
// rotta's memory and statistics against plain scalar loops, and what the memory is for.
#include <gmock/gmock.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "preset_stream.h"
#include "stats/rules/rotta_state.h"

namespace ttscale::stats::testing {
namespace {

using namespace rotta_state;

struct Slot {
  int label = 0;  ///< from 1 on; 0: empty
  double age = 0;
  double uncertainty = 0;
  std::vector<Pair> moments = std::vector<Pair>(kChannels);
};

/// The memory of the paper with the moments of its images at one site.
class Memory {
 public:
  Memory(std::size_t slots, int classes) : slots_(slots), classes_(classes) {}

  void offer(int label, double uncertainty, const std::vector<Pair>& moments) {
    const auto rivals = rivals_of(label);
    Slot* worst = nullptr;
    for (Slot* slot : rivals) {
      if (worst == nullptr || score(*slot) > score(*worst)) {
        worst = slot;
      }
    }
    const Slot newcomer{label, 0, uncertainty, moments};
    if (worst != nullptr && (worst->label == 0 || score(*worst) > score(newcomer))) {
      *worst = newcomer;
    }
    for (Slot& slot : slots_) {
      slot.age += slot.label > 0 ? 1 : 0;
    }
  }

  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }

  [[nodiscard]] Pair pooled(std::size_t c) const {
    double n = 0;
    Pair out{0, 0};
    for (const Slot& slot : slots_) {
      n += slot.label > 0 ? 1 : 0;
    }
    for (const Slot& slot : slots_) {
      out.mean += slot.label > 0 ? slot.moments[c].mean / n : 0;
    }
    for (const Slot& slot : slots_) {
      const double apart = slot.moments[c].mean - out.mean;
      out.var += slot.label > 0 ? (slot.moments[c].var + apart * apart) / n : 0;
    }
    const double source = source_pairs()[c].var;
    return {out.mean, out.var < kDeadShare * source ? source : out.var};
  }

 private:
  int held(int label) const {
    return static_cast<int>(
        std::count_if(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.label == label; }));
  }

  std::vector<Slot*> where(const std::function<bool(const Slot&)>& condition) {
    std::vector<Slot*> out;
    for (Slot& slot : slots_) {
      if (condition(slot)) {
        out.push_back(&slot);
      }
    }
    return out;
  }

  std::vector<Slot*> rivals_of(int label) {
    if (held(label) >= static_cast<double>(slots_.size()) / classes_) {
      return where([&](const Slot& slot) { return slot.label == label; });
    }
    if (held(0) > 0) {
      return {where([](const Slot& slot) { return slot.label == 0; }).front()};
    }
    int most = 0;
    for (const Slot& slot : slots_) {
      most = std::max(most, held(slot.label));
    }
    return where([&](const Slot& slot) { return held(slot.label) == most; });
  }

  double score(const Slot& slot) const {
    return 1 / (1 + std::exp(-slot.age / static_cast<double>(slots_.size()))) + slot.uncertainty;
  }

  std::vector<Slot> slots_;
  int classes_;
};

double entropy(const at::Tensor& scores) {
  const at::Tensor p = scores.to(at::kDouble).softmax(0);
  double sum = 0;
  for (std::int64_t k = 0; k < p.size(0); ++k) {
    sum -= p[k].item<double>() * std::log(p[k].item<double>());
  }
  return sum / std::log(static_cast<double>(p.size(0)));
}

/// A site of the rule in a stream of predictions.
class RottaStream {
 public:
  explicit RottaStream(const std::string& text) : rule_(parse_rule(text)), state_(fresh_state(rule_, kChannels)) {}

  Moments forward(const at::Tensor& x, const at::Tensor& scores) {
    begin(rule_, state_.stream, true);
    const Moments used = step(rule_, source_moments(), eps_tensor(), image_moments(x), state_);
    finish(rule_, scores, state_.stream);
    return used;
  }

  [[nodiscard]] std::vector<double> slots(SlotBlock block) const {
    const auto size = static_cast<std::int64_t>(std::get<rule::Rotta>(rule_).slots);
    const at::Tensor row = state_.stream.narrow(0, kSlots + block * size, size).contiguous();
    return {row.data_ptr<double>(), row.data_ptr<double>() + size};
  }

  SiteState& state() { return state_; }

 private:
  Rule rule_;
  SiteState state_;
};

void expect_follows_rotta(const std::string& text, bool published) {
  constexpr int kClasses = 4;
  constexpr std::size_t kSize = 8;
  RottaStream stream(text);
  Memory memory(kSize, kClasses);
  std::vector<Pair> running = source_pairs();
  double left = 0;
  at::manual_seed(11);
  for (int forward = 0; forward < 40; ++forward) {
    const std::int64_t n = std::vector<std::int64_t>{3, 1, 7, 12, 2}[static_cast<std::size_t>(forward % 5)];
    const Batch batch(at::randn({n, kChannels, forward % 3 == 0 ? 1 : 6}, at::kDouble) + 0.1 * forward);
    const at::Tensor scores = at::randn({n, kClasses}) * 2 + at::tensor({2.0, 1.0, 0.0, -1.0});
    const std::vector<Pair> now = running;
    expect_used(
        stream.forward(batch.tensor(), scores), batch, [&](std::size_t, std::size_t c) { return now[c]; },
        text + ", forward " + std::to_string(forward));

    for (std::size_t i = batch.images() > kSize ? batch.images() - kSize : 0; i < batch.images(); ++i) {
      std::vector<Pair> moments;
      for (std::size_t c = 0; c < kChannels; ++c) {
        moments.push_back(batch.image(i, c));
      }
      const at::Tensor row = scores[static_cast<std::int64_t>(i)];
      memory.offer(static_cast<int>(row.argmax().item<std::int64_t>()) + 1, entropy(row), moments);
    }
    for (std::size_t s = 0; s < kSize; ++s) {
      ASSERT_EQ(stream.slots(kClass)[s], memory.slots()[s].label) << forward;
      ASSERT_EQ(stream.slots(kAge)[s], memory.slots()[s].age) << forward;
      ASSERT_NEAR(stream.slots(kUncertainty)[s], memory.slots()[s].uncertainty, 1e-9) << forward;
    }
    left += static_cast<double>(n);
    const double steps = published ? std::floor(left / 10) : left / 10;
    left -= steps * 10;
    const double keep = std::pow(0.7, steps);
    for (std::size_t c = 0; c < kChannels; ++c) {
      const Pair m = memory.pooled(c);
      running[c] = {keep * running[c].mean + (1 - keep) * m.mean, keep * running[c].var + (1 - keep) * m.var};
    }
  }
}

TEST(Rotta, FollowsItsFormula) {
  expect_follows_rotta("rotta:slots=8,momentum=0.3,interval=10", false);
  expect_follows_rotta("rotta:published,slots=8,momentum=0.3,interval=10", true);
}

TEST(Rotta, ARunOfOneClassDoesNotFillTheMemory) {
  RottaStream stream("rotta:slots=12");
  at::manual_seed(12);
  const auto feed = [&](std::int64_t label, int count) {
    for (int i = 0; i < count; ++i) {
      stream.forward(at::randn({1, kChannels, 4}, at::kDouble), 5 * at::one_hot(at::tensor({label}), 4).to(at::kFloat));
    }
  };
  for (std::int64_t label = 0; label < 4; ++label) {
    feed(label, 3);
  }
  feed(2, 200);
  const std::vector<double> labels = stream.slots(kClass);
  for (int label = 1; label <= 4; ++label) {
    EXPECT_EQ(std::count(labels.begin(), labels.end(), label), 3) << label;
  }
}

TEST(Rotta, SpeedDoesNotDependOnHowImagesAreBatched) {
  at::manual_seed(13);
  const at::Tensor x = (at::randn({1, kChannels, 8}, at::kDouble) + 5).expand({16, -1, -1}).contiguous();
  const at::Tensor scores = at::zeros({16, 4});
  const auto mean_after = [&](const char* text, std::int64_t batch) {
    RottaStream stream(text);
    Moments used;
    for (std::int64_t i = 0; i < 16; i += batch) {
      stream.forward(x.narrow(0, i, batch), scores.narrow(0, i, batch));
    }
    return stream.forward(x.narrow(0, 0, 1), scores.narrow(0, 0, 1)).mean;
  };
  EXPECT_TRUE(mean_after("rotta", 1).allclose(mean_after("rotta", 16), 1e-9, 1e-9));
  EXPECT_FALSE(mean_after("rotta", 1).allclose(source_moments().mean));
  EXPECT_TRUE(mean_after("rotta:published", 1).equal(source_moments().mean)) << "no 64 images yet";
}

TEST(Rotta, WithoutClassScoresTheNewestImagesAreKept) {
  RottaStream stream("rotta:slots=4");
  for (int i = 0; i < 10; ++i) {
    stream.forward(at::full({1, kChannels, 2}, i, at::kDouble), at::zeros({1, 3, 8, 8}));
  }
  std::vector<double> ages = stream.slots(kAge);
  std::sort(ages.begin(), ages.end());
  EXPECT_THAT(ages, ::testing::ElementsAre(1, 2, 3, 4));
}

TEST(Rotta, ImagesOfOnePixelHaveTheVarianceBetweenThem) {
  RottaStream stream("rotta:momentum=0.1");
  at::manual_seed(15);
  const Moments source = source_moments();
  Moments used;
  for (int i = 0; i < 150; ++i) {
    const at::Tensor x =
        source.mean.view({1, -1, 1}) + source.var.sqrt().view({1, -1, 1}) * at::randn({16, kChannels, 1}, at::kDouble);
    used = stream.forward(x, at::zeros({16, 3, 8, 8}));
  }
  for (std::int64_t c = 0; c < source.var.size(0); ++c) {
    EXPECT_NEAR(used.var[c].item<double>() / source.var[c].item<double>(), 1, 0.25) << c;
  }
}

TEST(Rotta, AConstantImageAloneLeavesTheSourceVariance) {
  RottaStream stream("rotta:slots=1,momentum=0.5,interval=1");
  const at::Tensor x = at::full({1, kChannels, 1}, 2, at::kDouble);
  Moments used;
  for (int i = 0; i < 5; ++i) {
    used = stream.forward(x, at::zeros({1, 4}));
  }
  EXPECT_TRUE(used.var.allclose(source_moments().var, 1e-9, 1e-9));
  EXPECT_FALSE(used.mean.allclose(source_moments().mean));
}

TEST(Rotta, ProbabilitiesAreTakenAsTheyAre) {
  RottaStream stream("rotta:slots=4");
  const std::vector<double> p{0.1, 0.7, 0.2, 0};
  stream.forward(at::randn({1, kChannels, 4}, at::kDouble), at::tensor(p, at::kDouble).view({1, 4}));
  const std::vector<double> found = stream.slots(kUncertainty);
  const double entropy = -(0.1 * std::log(0.1) + 0.7 * std::log(0.7) + 0.2 * std::log(0.2));
  EXPECT_NEAR(*std::max_element(found.begin(), found.end()), entropy / std::log(4.0), 1e-12);
}

TEST(Rotta, ScoresThatSayNothingBringNoImageIntoMemory) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  RottaStream stream("rotta:slots=2");
  at::manual_seed(16);
  const auto feed = [&](const std::vector<double>& scores) {
    stream.forward(at::randn({1, kChannels, 4}, at::kDouble), at::tensor(scores, at::kDouble).view({1, 4}));
  };
  feed({kInfinity, 0, 0, 0});
  feed({0, std::numeric_limits<double>::quiet_NaN(), 0, 0});
  EXPECT_THAT(stream.slots(kClass), ::testing::Each(0));
  feed({-kInfinity, 3, 0, 0});  // the logarithm of no probability
  EXPECT_THAT(stream.slots(kClass), ::testing::UnorderedElementsAre(0, 2));
}

TEST(Rotta, ASiteThatMissedAForwardDoesNotTakeRowsOfAnother) {
  RottaStream stream("rotta:slots=4");
  at::manual_seed(14);
  const at::Tensor scores = at::zeros({2, 4});
  stream.forward(at::randn({2, kChannels, 4}, at::kDouble), scores);
  begin(parse_rule("rotta:slots=4"), stream.state().stream, true);  // a forward through another branch
  finish(parse_rule("rotta:slots=4"), at::randn({2, 4}) * 3, stream.state().stream);
  const Moments used = stream.forward(at::randn({2, kChannels, 4}, at::kDouble), scores);
  EXPECT_TRUE(used.mean.equal(source_moments().mean)) << "the site has no image in any slot";
}

}  // namespace
}  // namespace ttscale::stats::testing
