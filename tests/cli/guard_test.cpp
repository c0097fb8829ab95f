// SPDX-License-Identifier: MIT
// `--guard` as a user meets it: what is decided is said while it happens, and kept.
#include <nlohmann/json.hpp>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "gray_images.h"

namespace ttscale::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GuardTest : public ProgramTest {
 protected:
  void SetUp() override {
    save_gray_model(path("gray.pt"));
    write_gray_images(path("gray"), 8);
  }
  [[nodiscard]] Outcome eval(std::vector<std::string> more) const {
    std::vector<std::string> arguments{
        "eval", path("gray.pt").string(), "--data", path("gray").string(), "--batch-size", "1", "--rule", "batch"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome adapt(std::vector<std::string> more) const {
    std::vector<std::string> arguments{
        "adapt",  path("gray.pt").string(),         "--data",       path("gray").string(),
        "--out",  path("out.pt").string(),          "--batch-size", "1",
        "--rule", "ema:momentum=1,order=update-use"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
};

TEST_F(GuardTest, EveryDecisionIsALineOfTheLogAndOfTheFiles) {
  const Outcome outcome =
      eval({"--guard", "1", "--results-file", path("r.json").string(), "--html", path("r.html").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("guard         1\n"));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("gray: guard of batch, after "), HasSubstr(": roll back (rolled back: ")));
  const auto json = nlohmann::json::parse(read_file(path("r.json")));
  EXPECT_EQ(json.at("guard"), "1");
  EXPECT_EQ(json.at("cells").at(0).at("guard").at("action"), "roll back");
  EXPECT_THAT(read_file(path("r.html")), HasSubstr("What the guard did"));
  // The shares that the option takes, and what there is without it.
  EXPECT_THAT(eval({"--guard", "off"}).err, Not(HasSubstr("guard of")));
  EXPECT_THAT(eval({}).err, Not(HasSubstr("guard")));
  EXPECT_THAT(eval({"--guard", "1/16"}).err, HasSubstr("guard of batch"));
  EXPECT_THAT(eval({"--guard", "1", "--quiet"}).err, Not(HasSubstr("guard")));
}

TEST_F(GuardTest, OtherSharesAreRefused) {
  expect_failure(eval({"--guard", "2"}), 2, {"guard", "2"});
  expect_failure(eval({"--guard", "some"}), 2, {"guard", "some"});
  expect_failure(eval({"--guard", "-1"}), 2, {"guard", "-1"});
  expect_failure(adapt({"--guard", "1/0"}), 2, {"guard", "0"});
}

TEST_F(GuardTest, AnotherShareDoesNotResume) {
  const std::string journal = path("run.journal").string();
  ASSERT_EQ(eval({"--resume", journal}).exit_code, 0);
  expect_failure(eval({"--resume", journal, "--guard", "1"}), 3, {"run.journal", "another guard: null and \"1\""});
}

TEST_F(GuardTest, AModelThatWasRolledBackIsNotWritten) {
  const Outcome outcome = adapt({"--guard", "1"});
  expect_failure(outcome, 2, {"rolled back"});
  EXPECT_THAT(outcome.err, HasSubstr("guard: after "));
  EXPECT_THAT(outcome.err, HasSubstr("guard 1: rolled back"));
  EXPECT_FALSE(fs::exists(path("out.pt")));
  EXPECT_EQ(adapt({"--guard", "off"}).exit_code, 0);
}

}  // namespace
}  // namespace ttscale::testing
