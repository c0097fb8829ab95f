// SPDX-License-Identifier: MIT
// What guards do is in the cells, whatever the protocol, and survives files, interruptions and merges.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "eval/guard_summary.h"
#include "eval/merge.h"
#include "eval/result_json.h"
#include "fixtures.h"
#include "gray_images.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Two domains of 24 images for a model that `batch` with one image a batch ruins.
class GuardTest : public EvalTest {
 protected:
  void SetUp() override {
    for (const char* domain : {"one", "two"}) {
      testing::write_gray_images(folder / "data" / domain, 8);
    }
    testing::save_gray_model(folder / "gray.pt");
  }

  [[nodiscard]] EvalOptions guarded(std::vector<std::string> rules, const std::string& protocol) const {
    EvalOptions out;
    out.model = folder / "gray.pt";
    out.data = folder / "data";
    out.rules = std::move(rules);
    out.batch_sizes = {1};
    out.protocols = {protocol};
    out.guard = Guard{1};
    return out;
  }
};

TEST_F(GuardTest, ByItselfOnlyAutoIsWatched) {
  EvalOptions options = guarded({"source", "batch", "auto"}, "reset-each-domain");
  options.guard = std::nullopt;
  run(options);
  EXPECT_FALSE(cell("one", "source")->guard);
  EXPECT_FALSE(cell("one", "batch")->guard);
  ASSERT_TRUE(cell("one", "auto")->guard);
  EXPECT_EQ(cell("one", "auto")->guard->compared, 24);  // the first 32 of a stream are all compared
  EXPECT_EQ(result.plan.guard, "");
  options.guard = Guard{0};
  run(options);
  EXPECT_FALSE(cell("one", "auto")->guard);
  EXPECT_EQ(result.plan.guard, "off");
  EXPECT_THAT(result.plan.describe(), HasSubstr("guard         off\n"));
}

TEST_F(GuardTest, HarmIsStoppedAndTheCellSaysWhenAndWhy) {
  EvalOptions options = guarded({"source", "batch"}, "reset-each-domain");
  run(options);
  EXPECT_FALSE(cell("one", "source")->guard) << "source against source says nothing";
  const Cell& watched = *cell("two", "batch");
  ASSERT_TRUE(watched.guard);
  EXPECT_EQ(watched.guard->action, GuardAction::kRollBack);
  EXPECT_EQ(watched.guard->compared, 24);
  ASSERT_FALSE(watched.guard->decisions.empty());
  const GuardDecision& last = watched.guard->decisions.back();
  EXPECT_EQ(last.action, GuardAction::kRollBack);
  EXPECT_GE(last.images, 16);
  EXPECT_LT(last.images, 24);
  EXPECT_LT(last.evidence.gain + 2 * last.evidence.error, 0);
  const double with_guard = watched.scores.top1;
  options.guard = Guard{0};
  run(options);
  EXPECT_LT(cell("two", "batch")->scores.top1, with_guard);
}

TEST_F(GuardTest, ImagesAreThoseOfTheDomainAndAnActionLasts) {
  run(guarded({"source", "batch"}, "continual"));
  const GuardSummary& first = *cell("one", "batch")->guard;
  const GuardSummary& second = *cell("two", "batch")->guard;
  EXPECT_EQ(first.decisions.back().action, GuardAction::kRollBack);
  EXPECT_EQ(second.action, GuardAction::kRollBack);
  EXPECT_THAT(second.decisions, IsEmpty());
}

TEST_F(GuardTest, AWindowHasNone) {
  EvalOptions options = guarded({"auto"}, "reset-each-domain");
  options.window = 4;
  try {
    run(options);
    FAIL() << "a window shows images again, which is no new evidence";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("under --window"));
  }
  options.guard.reset();
  run(options);
  EXPECT_FALSE(cell("one", "auto")->guard.has_value());
}

TEST_F(GuardTest, ABatchOfSeveralDomainsCountsForEach) {
  EvalOptions options = guarded({"batch"}, "mixed");
  options.batch_sizes = {8};
  run(options);
  EXPECT_EQ(cell("one", "batch")->guard->compared, 48);
  EXPECT_EQ(cell("two", "batch")->guard->compared, 48);
}

TEST_F(GuardTest, ResetsWithEveryBatchAddUp) {
  EvalOptions options = guarded({"batch"}, "episodic");
  options.batch_sizes = {8};
  run(options);
  EXPECT_EQ(cell("one", "batch")->guard->compared, 24);
  EXPECT_THAT(cell("one", "batch")->guard->decisions, IsEmpty());
}

TEST_F(GuardTest, ResumedAtAnyBatchGivesTheSameBytes) {
  for (const char* protocol : {"reset-each-domain", "continual", "mixed", "episodic", "short:images=6"}) {
    EvalOptions options = guarded({"source", "batch", "auto"}, protocol);
    options.batch_sizes = {3};
    options.guard = Guard{0.5};
    run(options);
    const std::string expected = to_json(result);
    ASSERT_THAT(expected, HasSubstr("\"guard\":{\"action\""));
    const int batches = static_cast<int>(seen.progress.size());
    options.journal = folder / "run.journal";
    for (int stop = 1; stop <= batches; ++stop) {
      std::filesystem::remove(options.journal);
      seen.on_batch = [&, count = 0]() mutable {
        if (++count == stop) {
          throw Interrupted("stop");
        }
      };
      EXPECT_THROW(run(options), Interrupted);
      seen.on_batch = nullptr;
      run(options);
      EXPECT_EQ(to_json(result), expected) << protocol << " stopped after batch " << stop;
    }
  }
}

TEST_F(GuardTest, AnotherGuardIsOtherWork) {
  EvalOptions options = guarded({"source", "batch"}, "continual");
  options.journal = folder / "run.journal";
  run(options);
  const std::string expected = to_json(result);
  run(options);
  EXPECT_TRUE(seen.progress.empty());
  EXPECT_EQ(to_json(result), expected);
  options.guard = Guard{1.0 / 16};
  EXPECT_THAT([&] { run(options); }, ThrowsMessage<DataError>(HasSubstr("found another guard: \"1\" and \"1/16\"")));
  options.guard = std::nullopt;
  EXPECT_THAT([&] { run(options); }, ThrowsMessage<DataError>(HasSubstr("found another guard: \"1\" and null")));
}

TEST_F(GuardTest, ShardsMergedAreTheWhole) {
  EvalOptions whole = guarded({"source", "batch"}, "reset-each-domain");
  run(whole);
  const std::string expected = to_json(result);
  std::vector<EvalResult> shards;
  for (const char* shard : {"2/2", "1/2"}) {
    whole.shard = parse_shard(shard);
    run(whole);
    shards.push_back(parse_results(to_json(result), "shard.json"));
  }
  EXPECT_EQ(to_json(merge(shards, {"a", "b"})), expected);
}

TEST_F(GuardTest, ShareOutOfRangeIsRefused) {
  EvalOptions options = guarded({"batch"}, "continual");
  options.guard = Guard{1.5};
  EXPECT_THAT([&] { run(options); }, ThrowsMessage<UsageError>(HasSubstr("guard: ")));
}

TEST(GuardSummaries, ListsEndAndCountGoesOn) {
  GuardSummary cell;
  GuardSummary batch;
  batch.compared = 2;
  batch.action = GuardAction::kHold;
  batch.decisions.resize(1);
  for (std::int64_t i = 1; i <= 103; ++i) {
    add_guard(cell, batch, 10 * i);
  }
  EXPECT_EQ(cell.compared, 206);
  EXPECT_EQ(cell.action, GuardAction::kHold);
  EXPECT_THAT(cell.decisions, SizeIs(kMostGuardDecisions));
  EXPECT_EQ(cell.decisions.back().images, 1000);
  EXPECT_EQ(cell.left_out, 3);
}

TEST(GuardSummaries, CannotWatchIsKept) {
  GuardSummary cell;
  cell.unable = "the model writes into itself";
  const GuardSummary back = guard_from_json(guard_to_json(cell));
  EXPECT_EQ(back.unable, cell.unable);
  EXPECT_THAT(back.decisions, IsEmpty());
}

TEST(GuardSummaries, UnknownActionsAreRefused) {
  nlohmann::ordered_json json = guard_to_json({});
  json["action"] = "panic";
  EXPECT_THAT([&] { guard_from_json(json); }, ThrowsMessage<DataError>(HasSubstr("found \"panic\"")));
}

}  // namespace
}  // namespace ttscale::eval
