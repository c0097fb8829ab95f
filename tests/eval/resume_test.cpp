// SPDX-License-Identifier: MIT
// Interrupted anywhere and resumed, or split and merged: the same bytes.
#include <gmock/gmock.h>
#include <torch/script.h>

#include <fstream>
#include <stdexcept>

#include "eval/evaluate.h"
#include "eval/journal.h"
#include "eval/merge.h"
#include "eval/result_json.h"
#include "fixtures.h"
#include "ttscale/calibrate.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Resume : public EvalTest {
 protected:
  [[nodiscard]] EvalOptions journalled(const std::string& protocol) const {
    EvalOptions out = options({"source", "cumulative", "batch"});
    out.protocols = {protocol};
    out.seeds = {1, 2};
    out.examples = 2;
    out.site_report = true;
    out.journal = folder / "run.journal";
    return out;
  }

  /// Ends a run after so many batches.
  void interrupt_after(const EvalOptions& with, int batches) {
    seen.on_batch = [this, batches, count = 0]() mutable {
      if (++count == batches) {
        throw Interrupted("stop");
      }
    };
    EXPECT_THROW(run(with), Interrupted);
    seen.on_batch = nullptr;
  }

  /// Expects work with these options to be refused where it was begun before `change`, which leaves the options alone.
  void expect_other_fingerprint(const EvalOptions& with, const std::function<void()>& change) {
    std::filesystem::remove(with.journal);
    run(with);
    run(with);
    EXPECT_TRUE(seen.progress.empty());
    change();
    EXPECT_THAT([&] { run(with); }, ThrowsMessage<DataError>(HasSubstr("found another fingerprint: ")));
  }

  void write_list(const std::vector<std::string>& images) const {
    std::ofstream list(folder / "list.txt");
    for (const std::string& image : images) {
      list << (folder / "data" / image).string() << '\n';
    }
  }

  void export_order(std::uint64_t seed) {
    EvalOptions exporting = options({"source"});
    exporting.protocols = {"mixed"};
    exporting.seeds = {seed};
    exporting.export_order = folder / "order.txt";
    run(exporting);
  }

  void write_reference(std::uint64_t seed) const {
    Calibration calibration(torch::jit::load(save_model(ModelKind::kPlain).string()));
    torch::manual_seed(seed);
    calibration.add(torch::randn({16, 3, 8, 8}));
    calibration.result().save(folder / "reference.pt");
  }
};

TEST_F(Resume, AtAnyBatchGivesTheSameBytes) {
  for (const char* protocol : {"reset-each-domain", "continual", "mixed", "recurring:rounds=2", "short:images=4"}) {
    EvalOptions plain = journalled(protocol);
    plain.journal.clear();
    run(plain);
    const std::string expected = to_json(result);
    const int batches = static_cast<int>(seen.progress.size());
    for (int stop = 1; stop <= batches; ++stop) {
      std::filesystem::remove(folder / "run.journal");
      interrupt_after(journalled(protocol), stop);
      run(journalled(protocol));
      EXPECT_EQ(to_json(result), expected) << protocol << " stopped after batch " << stop;
    }
  }
}

TEST_F(Resume, WithAWindowGivesTheSameBytes) {
  EvalOptions windowed = journalled("continual");
  windowed.batch_sizes = {2};
  windowed.window = 5;
  EvalOptions plain = windowed;
  plain.journal.clear();
  run(plain);
  const std::string expected = to_json(result);
  interrupt_after(windowed, 8);  // in the second domain
  run(windowed);
  EXPECT_EQ(to_json(result), expected);
}

TEST_F(Resume, AgainAndAgainMovesOn) {
  const EvalOptions options = journalled("continual");
  EvalOptions plain = options;
  plain.journal.clear();
  run(plain);
  const std::string expected = to_json(result);
  for (int attempt = 0; attempt < 3; ++attempt) {
    interrupt_after(options, 4);  // a domain has three batches
  }
  run(options);
  EXPECT_EQ(to_json(result), expected);
}

TEST_F(Resume, FinishedWorkIsNotDoneAgain) {
  run(journalled("reset-each-domain"));
  const std::string expected = to_json(result);
  run(journalled("reset-each-domain"));
  EXPECT_TRUE(seen.progress.empty());
  EXPECT_EQ(to_json(result), expected);
}

TEST_F(Resume, LineThatACrashCutIsDropped) {
  EvalOptions plain = journalled("continual");
  plain.journal.clear();
  run(plain);
  const std::string expected = to_json(result);
  interrupt_after(journalled("continual"), 4);
  std::ofstream(folder / "run.journal", std::ios::app) << R"({"unit":0,"parts":2,"unit_do)";
  run(journalled("continual"));
  EXPECT_EQ(to_json(result), expected);
}

TEST_F(Resume, UnfinishedCellsNameTheirSetting) {
  EvalOptions plain = journalled("reset-each-domain");
  plain.journal.clear();
  interrupt_after(plain, 8);  // of the second seed, in the first domain
  EXPECT_EQ(result.cells.size(), 6U);
  ASSERT_EQ(result.unfinished.size(), 3U);
  EXPECT_EQ(result.unfinished[0].setting.seed, 2U);
  EXPECT_EQ(result.unfinished[0].domain, "dark");
  EXPECT_TRUE(result.partial);
}

TEST_F(Resume, OtherWorkIsRefusedWithTheDifference) {
  run(journalled("continual"));
  EvalOptions other = journalled("continual");
  other.rules = {"source"};
  EXPECT_THAT([&] { run(other); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("run.journal"), HasSubstr("found another rules: "))));
  other = journalled("continual");
  other.site_report = false;
  EXPECT_THAT([&] { run(other); }, ThrowsMessage<DataError>(HasSubstr("found another site_report: ")));
  other = journalled("continual");
  other.decode.max_pixels = 1000;
  EXPECT_THAT([&] { run(other); }, ThrowsMessage<DataError>(HasSubstr("found another max_pixels: ")));
  other = journalled("continual");
  other.call.output = "logits";
  EXPECT_THAT([&] { run(other); }, ThrowsMessage<DataError>(HasSubstr("found another call: ")));
  other = journalled("continual");
  write_images(folder / "data/dark", 5, 0);
  EXPECT_THAT([&] { run(other); }, ThrowsMessage<DataError>(HasSubstr("found another fingerprint: ")));
}

TEST_F(Resume, OtherContentOfAListIsOtherWork) {
  write_list({"dark/a/0.ppm", "dark/b/1.ppm", "light/c/2.ppm"});
  EvalOptions listed = journalled("continual");
  listed.order = "file:" + (folder / "list.txt").string();
  expect_other_fingerprint(listed, [&] { write_list({"dark/b/1.ppm", "dark/a/0.ppm", "light/c/2.ppm"}); });
}

TEST_F(Resume, OtherContentOfAReplayIsOtherWork) {
  export_order(1);
  expect_other_fingerprint(journalled("replay:" + (folder / "order.txt").string()), [&] { export_order(2); });
}

TEST_F(Resume, OtherContentOfAReferenceIsOtherWork) {
  write_reference(1);
  EvalOptions referred = journalled("continual");
  referred.reference = folder / "reference.pt";
  expect_other_fingerprint(referred, [&] { write_reference(2); });
}

TEST_F(Resume, WhatAnObserverRefusesIsNotTakenOver) {
  class Refusing : public EvalObserver {
    void resumed(std::int64_t /*images*/, std::int64_t /*predictions_bytes*/) override { throw Interrupted("refused"); }
  } refusing;
  run(journalled("continual"));
  EXPECT_THROW(evaluate(journalled("continual"), refusing, result), Interrupted);
  EXPECT_THAT(result.cells, IsEmpty());
}

TEST_F(Resume, DamageIsRefused) {
  const EvalOptions with = journalled("continual");
  std::ofstream(with.journal) << "no journal\n";
  EXPECT_THAT([&] { run(with); }, ThrowsMessage<DataError>(HasSubstr("line 1: expected a line of this program")));
  std::filesystem::remove(with.journal);
  run(with);
  std::fstream(with.journal, std::ios::in | std::ios::out).seekp(-200, std::ios::end) << "\1\2\3";
  EXPECT_THAT([&] { run(with); }, ThrowsMessage<DataError>(HasSubstr("name a new file to begin anew")));
}

TEST_F(Resume, ShardsMergedAreTheWholeToTheLastByte) {
  EvalOptions whole = journalled("reset-each-domain");
  whole.journal.clear();
  run(whole);
  const std::string expected = to_json(result);
  std::vector<EvalResult> shards;
  for (const char* shard : {"2/3", "1/3", "3/3"}) {
    EvalOptions part = whole;
    part.shard = parse_shard(shard);
    run(part);
    std::ofstream(folder / "shard.json") << to_json(result);
    shards.push_back(read_results(folder / "shard.json"));
  }
  EXPECT_EQ(to_json(merge(shards, {"a", "b", "c"})), expected);
  EXPECT_THAT(
      [&] {
        merge({shards[0], shards[1]}, {"a", "b"});
      },
      ThrowsMessage<DataError>(HasSubstr("expected all 3 shards, found none for 3/3")));
  EXPECT_THAT(
      [&] {
        merge({shards[0], shards[0]}, {"a", "b"});
      },
      ThrowsMessage<DataError>(HasSubstr("found 2/3 in a and b")));
  shards[1].plan.model = "other.pt";
  EXPECT_THAT(
      [&] {
        merge(shards, {"a", "b", "c"});
      },
      ThrowsMessage<DataError>(HasSubstr("difference between a and b: model")));
  EvalOptions many = whole;
  many.shard = parse_shard("5/5");
  EXPECT_THAT([&] { run(many); }, ThrowsMessage<UsageError>(HasSubstr("shard: expected at most 4 shards")));
}

TEST_F(Resume, ResultsThatAreNoneAreRefused) {
  std::ofstream(folder / "r.json") << "{}";
  EXPECT_THAT([&] { read_results(folder / "r.json"); }, ThrowsMessage<DataError>(HasSubstr("r.json")));
  std::ofstream(folder / "r.json") << "cut";
  EXPECT_THAT([&] { read_results(folder / "r.json"); },
              ThrowsMessage<DataError>(HasSubstr("expected a whole results file")));
  EXPECT_THAT([&] { read_results(folder / "none.json"); }, ThrowsMessage<DataError>(HasSubstr("none.json")));
  EXPECT_THAT([&] { read_results("/dev/zero"); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("found a device"), HasSubstr("/dev/zero"))));
}

}  // namespace
}  // namespace ttscale::eval
