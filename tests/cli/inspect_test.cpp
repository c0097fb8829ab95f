// SPDX-License-Identifier: MIT
// `ttscale inspect`: table, JSON, and archives in which nothing can be adapted.
#include <nlohmann/json.hpp>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string demo(const std::string& name) { return (source_dir() / "models" / name).string(); }

using InspectTest = ProgramTest;

TEST_F(InspectTest, TableHasARowASite) {
  const Outcome outcome = run_program({"inspect", model()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("batch_norm"));
  EXPECT_THAT(outcome.out, HasSubstr("yes"));
  EXPECT_THAT(outcome.out, Not(HasSubstr(" \n")));
}

TEST_F(InspectTest, JsonHoldsTheSites) {
  const Outcome outcome = run_program({"inspect", model(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("model"), model());
  EXPECT_EQ(json.at("adaptable"), 1);
  ASSERT_EQ(json.at("sites").size(), 1U);
  const auto& site = json.at("sites").front();
  EXPECT_EQ(site.at("kind"), "batch_norm");
  EXPECT_EQ(site.at("channels"), 4);
  EXPECT_DOUBLE_EQ(site.at("eps"), 1e-5);
  EXPECT_TRUE(site.at("adaptable"));
}

TEST_F(InspectTest, ModelWithFoldedBatchNormIsExplainedNotRefused) {
  const Outcome outcome = run_program({"inspect", demo("fashion-resnet.folded.pt")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("convolution"));
}

TEST_F(InspectTest, NormsOfASingleImageAreListedAsNotAdaptable) {
  const Outcome outcome = run_program({"inspect", demo("fashion-layernorm.pt"), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("adaptable"), 0);
  EXPECT_EQ(json.at("sites").front().at("kind"), "group_norm");
  EXPECT_NE(json.at("sites").front().at("note"), "");
}

TEST_F(InspectTest, FileThatIsNotThere) {
  expect_failure(run_program({"inspect", path("none.pt").string()}), 4, {path("none.pt").string(), "does not exist"});
}

TEST_F(InspectTest, FileThatIsNoArchive) {
  write_file(path("text.pt"), "this is no model\n");
  expect_failure(run_program({"inspect", path("text.pt").string()}), 4, {path("text.pt").string(), "TorchScript"});
}

TEST_F(InspectTest, ArchiveWithoutForward) {
  save_model_without_forward(path("predict.pt"));
  expect_failure(run_program({"inspect", path("predict.pt").string()}), 4, {path("predict.pt").string(), "forward"});
}

}  // namespace
}  // namespace ttscale::testing
