// SPDX-License-Identifier: MIT
// The bundled model on the bundled images: the run that scripts/demo shows.
#include <nlohmann/json.hpp>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;

using DemoTest = ProgramTest;

TEST_F(DemoTest, TableHasARowADomainAndAColumnARule) {
  const fs::path models = source_dir() / "models";
  const Outcome outcome = run_program({"eval", (models / "fashion-resnet.scripted.pt").string(), "--data",
                                       (models / "fashion-images").string(), "--rule", "source", "--rule", "batch",
                                       "--results-file", path("demo.json").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text : {"clean", "gaussian_noise", "contrast", "source", "batch"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
  EXPECT_EQ(nlohmann::json::parse(read_file(path("demo.json"))).at("complete"), true);
}

TEST_F(DemoTest, WhatARuleHasFoundOutIsTold) {
  const fs::path models = source_dir() / "models";
  const Outcome outcome =
      run_program({"eval", (models / "fashion-resnet.scripted.pt").string(), "--data",
                   (models / "fashion-images").string(), "--rule", "ema", "--rule", "auto", "--protocol", "mixed",
                   "--protocol", "reset-each-domain", "--num-samples", "30", "--batch-size", "16"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("all domains: auto found: the stream is mixed of several domains"));
  EXPECT_EQ(outcome.err.find(" found: "), outcome.err.rfind(" found: ")) << "one domain is no mixed stream";
}

}  // namespace
}  // namespace ttscale::testing
