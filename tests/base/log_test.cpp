// SPDX-License-Identifier: MIT
// The log facade hands every line to the sink of the program.
#include "base/log.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override { set_log_sink({}); }
};

TEST_F(LogTest, SinkReceivesEachLineWithItsLevel) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  set_log_sink([&](LogLevel level, const std::string& line) { lines.emplace_back(level, line); });
  log(LogLevel::kInfo, "one");
  log(LogLevel::kError, "two");
  EXPECT_THAT(lines, ElementsAre(Pair(LogLevel::kInfo, "one"), Pair(LogLevel::kError, "two")));
}

TEST_F(LogTest, LinesOfSeveralThreadsAllArrive) {
  std::vector<std::string> lines;  // unguarded on purpose: the facade calls the sink one line at a time
  set_log_sink([&](LogLevel, const std::string& line) { lines.push_back(line); });
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) {
        log(LogLevel::kInfo, "line");
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(lines.size(), 400U);
}

TEST_F(LogTest, DefaultSinkShowsWarningsAndHidesInformation) {
  ::testing::internal::CaptureStderr();
  log(LogLevel::kInfo, "quiet");
  log(LogLevel::kWarning, "loud");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "warning: loud\n");
}

TEST(ErrorTest, ExitCodesAreThoseOfTheCommandLine) {
  EXPECT_EQ(Error("x").exit_code(), 1);
  EXPECT_EQ(UsageError("x").exit_code(), 2);
  EXPECT_EQ(DataError("x").exit_code(), 3);
  EXPECT_EQ(ModelError("x").exit_code(), 4);
}

}  // namespace
}  // namespace ttscale
