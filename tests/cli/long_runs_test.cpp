// SPDX-License-Identifier: MIT
// Evaluations that are interrupted, split and shown as a page.
#include <gmock/gmock.h>

#include <chrono>

#include "fixtures.h"
#include "matchers.h"
#include "program.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LongRuns : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    for (const char* domain : {"tree/one", "tree/two", "tree/three"}) {
      write_images(path(domain), 12);
    }
  }

  [[nodiscard]] std::vector<std::string> command(const std::string& name, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"eval",           model(),
                                       "--data",         path("tree").string(),
                                       "--rule",         "source",
                                       "--rule",         "cumulative",
                                       "--protocol",     "continual",
                                       "--protocol",     "reset-each-domain",
                                       "--batch-size",   "1,3",
                                       "--seed",         "1,2",
                                       "--predictions",  path(name + ".csv").string(),
                                       "--html",         path(name + ".html").string(),
                                       "--results-file", path(name + ".json").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

TEST_F(LongRuns, KilledAtAnyMomentTheSameCommandEndsWithTheSameBytes) {
  ASSERT_EQ(run_program(command("whole")).exit_code, 0);
  const std::vector<std::string> resumed = command("parts", {"--resume", path("journal").string()});
  int kills = 0;
  for (int milliseconds = 400; milliseconds < 6000; milliseconds += 25) {
    if (!kill_program(resumed, std::chrono::milliseconds(milliseconds))) {
      break;  // it came to its end
    }
    ++kills;
  }
  EXPECT_GT(kills, 0);
  const Outcome last = run_program(resumed);
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(read_file(path("parts.json")), read_file(path("whole.json")));
  EXPECT_EQ(read_file(path("parts.csv")), read_file(path("whole.csv")));
  for (const auto& entry : fs::directory_iterator(path("."))) {
    EXPECT_NE(entry.path().extension(), ".state") << "a state was left behind";
  }
}

TEST_F(LongRuns, PredictionsThatNoRunKeptAreAskedForInVain) {
  const std::string predictions = path("rows.csv").string();
  const auto eval = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"eval",           model(),
                                       "--data",         path("tree").string(),
                                       "--rule",         "source",
                                       "--resume",       path("journal").string(),
                                       "--results-file", path("r.json").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  ASSERT_EQ(eval({}).exit_code, 0);
  const std::string results = read_file(path("r.json"));
  write_file(predictions, "rows of another run\n");
  expect_failure(eval({"--predictions", predictions}), 3,
                 {"predictions: expected those of the 108 images", path("journal").string(), "remove --predictions"});
  EXPECT_EQ(read_file(predictions), "rows of another run\n");
  EXPECT_EQ(read_file(path("r.json")), results);
}

TEST_F(LongRuns, ShardsMergeToTheWhole) {
  ASSERT_EQ(run_program(command("whole")).exit_code, 0);
  std::vector<std::string> merge{"merge"};
  for (const char* shard : {"1/2", "2/2"}) {
    const std::string name = std::string("shard") + shard[0];
    const Outcome part = run_program(command(name, {"--shard", shard}));
    ASSERT_EQ(part.exit_code, 0) << part.err;
    EXPECT_THAT(part.out, HasSubstr(std::string("part ") + shard[0] + " of 2: merge the parts"));
    EXPECT_THAT(part.out, Not(HasSubstr("advice:")));
    merge.push_back(path(name + ".json").string());
  }
  std::vector<std::string> alone = merge;
  alone.pop_back();
  expect_failure(run_program(alone), 3, {"expected all 2 shards", "2/2"});
  merge.insert(merge.end(), {"--results-file", path("merged.json").string()});
  const Outcome outcome = run_program(merge);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(read_file(path("merged.json")), read_file(path("whole.json")));
  EXPECT_THAT(outcome.out, HasSubstr("protocol continual, batch size 1"));
  EXPECT_THAT(outcome.out, HasSubstr("\nadvice: "));
}

TEST_F(LongRuns, PageNeedsNothingElseAndSaysHowToRepeat) {
  ASSERT_EQ(run_program(command("page")).exit_code, 0);
  const std::string page = read_file(path("page.html"));
  EXPECT_THAT(page, HasSubstr("--batch-size</span> 1,3"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_LT(page.size(), 1'000'000U);
}

}  // namespace
}  // namespace ttscale::testing
