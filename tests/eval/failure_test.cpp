// SPDX-License-Identifier: MIT
// What goes wrong is said in one line, and what was finished is kept.
#include <gmock/gmock.h>

#include <fstream>
#include <stdexcept>

#include "eval/evaluate.h"
#include "fixtures.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class Failure : public EvalTest {
 protected:
  template <typename Kind>
  void expect_failure(const EvalOptions& options, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) {
      EXPECT_THAT([&] { run(options); }, ThrowsMessage<Kind>(AllOf(HasSubstr(part), Not(HasSubstr("\n")))));
    }
    EXPECT_TRUE(result.partial);
  }
};

TEST_F(Failure, FoldersThatAreNotTheOutputs) {
  EvalOptions wrong = options({"source"});
  wrong.model = save_model(ModelKind::kPlain, 10);
  expect_failure<DataError>(wrong, {"10", "found 3", "--class-map"});
}

TEST_F(Failure, ClassMapLongerThanTheOutputs) {
  std::ofstream(folder / "map.txt") << "a\nb\nc\nd\n";
  EvalOptions wrong = options({"source"});
  wrong.class_map = folder / "map.txt";
  expect_failure<DataError>(wrong, {"(3)", "found 4", "map.txt"});
}

TEST_F(Failure, ClassMapWithoutAFolder) {
  std::ofstream(folder / "map.txt") << "a\nb\nx\n";
  EvalOptions wrong = options({"source"});
  wrong.class_map = folder / "map.txt";
  expect_failure<DataError>(wrong, {"map.txt"});
}

TEST_F(Failure, ModelWithoutSites) {
  EvalOptions wrong = options({"source", "batch"});
  wrong.model = save_model(ModelKind::kNoBatchNorm);
  expect_failure<ModelError>(wrong, {""});
  EXPECT_THAT(seen.calls, IsEmpty());
}

TEST_F(Failure, ModelThatReturnsAFeatureMap) {
  EvalOptions wrong = options({"source"});
  wrong.model = save_model(ModelKind::kFeatureMap);
  expect_failure<ModelError>(wrong, {"[5, classes]", "[5, 4, 8, 8]", "returns class scores"});
}

TEST_F(Failure, ImagesOfAnotherNumberOfChannels) {
  EvalOptions wrong = options({"source"});
  wrong.preprocessing.in_chans = 1;
  wrong.preprocessing.mean = {0.5};
  wrong.preprocessing.std = {0.5};
  expect_failure<ModelError>(wrong, {"[5, 1, 8, 8]", "--img-size", "--in-chans"});
}

TEST_F(Failure, ImagesOfSeveralSizes) {
  std::ofstream(folder / "data/dark/a/big.ppm", std::ios::binary) << "P6\n9 9\n255\n" << std::string(9 * 9 * 3, 'x');
  expect_failure<DataError>(options({"source"}), {"9"});
}

TEST_F(Failure, MissingModelAndMissingData) {
  EvalOptions wrong = options({"source"});
  wrong.model = folder / "none.pt";
  expect_failure<ModelError>(wrong, {"none.pt"});
  wrong = options({"source"});
  wrong.data = folder / "nowhere";
  expect_failure<DataError>(wrong, {"nowhere"});
}

TEST_F(Failure, DeviceThatIsNotThere) {
  EvalOptions wrong = options({"source"});
  wrong.device = "toaster";
  expect_failure<UsageError>(wrong, {"toaster"});
}

TEST_F(Failure, FinishedDomainsAndTheUnfinishedOneAreKept) {
  EvalOptions sorted = options({"source", "batch"});
  sorted.order = "sorted";
  const std::filesystem::path bad = folder / "data/light/c/3.ppm";
  std::ofstream(bad, std::ios::trunc);
  expect_failure<DataError>(sorted, {bad.string()});
  ASSERT_THAT(result.cells, SizeIs(2));
  EXPECT_EQ(result.cells[1].domain, "dark");
  ASSERT_THAT(result.unfinished, SizeIs(2));
  EXPECT_EQ(result.unfinished[1].domain, "light");
  EXPECT_EQ(result.unfinished[1].scores.images, 10);
  EXPECT_EQ(result.means()[0].domains, 1);
}

TEST_F(Failure, ObserverMayEndTheRun) {
  class Impatient : public EvalObserver {
    void batch_done(const Progress& progress) override {
      if (progress.images > 15) {
        throw std::runtime_error("enough");
      }
    }
  } impatient;
  EXPECT_THAT([&] { evaluate(options({"batch"}), impatient, result); }, ThrowsMessage<std::runtime_error>("enough"));
  EXPECT_TRUE(result.partial);
  EXPECT_THAT(result.cells, SizeIs(1));
  EXPECT_THAT(result.unfinished, SizeIs(1));
}

TEST_F(Failure, EveryImageUnreadable) {
  EvalOptions tolerant = options({"source"});
  tolerant.on_error = data::OnError::kSkip;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "data/dark")) {
    if (entry.is_regular_file()) {
      std::ofstream(entry.path(), std::ios::trunc);
    }
  }
  for (const std::string protocol : {"reset-each-domain", "short:images=5", "mixed"}) {
    tolerant.protocols = {protocol};
    expect_failure<DataError>(tolerant,
                              {"readable image in domain dark, found none among 12; the first problem was: "});
    EXPECT_THAT(result.skipped, SizeIs(12)) << protocol;
    EXPECT_THAT(result.unfinished, SizeIs(protocol == "mixed" ? 1 : 0)) << "the other domain is kept";
  }
}

TEST_F(Failure, CheckpointThatCannotBeWrittenIsBookedOnce) {
  class FullDisk : public EvalObserver {
    std::int64_t predictions_bytes() override { throw std::runtime_error("no space left"); }
  } full;
  EvalOptions journalled = options({"source"});
  journalled.journal = folder / "run.journal";
  EXPECT_THAT([&] { evaluate(journalled, full, result); }, ThrowsMessage<std::runtime_error>("no space left"));
  EXPECT_THAT(result.cells, SizeIs(1));
  ASSERT_THAT(result.classes, SizeIs(1));
  for (const ClassCount& count : result.classes[0].classes) {
    EXPECT_EQ(count.images, 4);
  }
}

}  // namespace
}  // namespace ttscale::eval
