// SPDX-License-Identifier: MIT
// `ttscale preprocess`: the dump is the tensor that the model would see. Bit-exactness against torchvision:
// tests/image.
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/script.h>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;

class PreprocessTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_file(path("image.ppm"), ppm(7));
  }
  [[nodiscard]] Outcome preprocess(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"preprocess", path("image.ppm").string(), "--dump", path("dump.pt").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] at::Tensor dumped() const {
    const std::string bytes = read_file(path("dump.pt"));
    return torch::jit::pickle_load({bytes.begin(), bytes.end()}).toTensor();
  }
};

// [3, 8, 8] in 0..1 of ppm(7), read without the code under test.
at::Tensor pixels() {
  const std::string bytes = ppm(7).substr(std::string("P6\n8 8\n255\n").size());
  at::Tensor result = torch::empty({3, 8, 8});
  for (std::int64_t i = 0; i < 8 * 8 * 3; ++i) {
    result[i % 3][i / 24][i / 3 % 8] = static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(i)]) / 255.0F;
  }
  return result;
}

TEST_F(PreprocessTest, DumpIsTheNormalisedImage) {
  const Outcome outcome = preprocess({"--mean", ".1", ".2", ".3", "--std", ".4", ".5", ".6"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("[3, 8, 8]"));
  const at::Tensor mean = torch::tensor({.1F, .2F, .3F}).view({3, 1, 1});
  const at::Tensor std = torch::tensor({.4F, .5F, .6F}).view({3, 1, 1});
  EXPECT_TRUE(torch::equal(dumped(), (pixels() - mean) / std));
}

TEST_F(PreprocessTest, DescriptionBesideTheModelIsReadAndFlagsOverrideIt) {
  write_file(path("model.json"), R"({"input_size": [3, 4, 4], "crop_pct": 1.0, "mean": [0, 0, 0], "std": [1, 1, 1]})");
  ASSERT_EQ(preprocess({"--model", model()}).exit_code, 0);
  EXPECT_EQ(dumped().sizes(), at::IntArrayRef({3, 4, 4}));
  const Outcome outcome = preprocess({"--model", model(), "--img-size", "8"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(path("model.json").string()));
  EXPECT_TRUE(torch::equal(dumped(), pixels()));
}

TEST_F(PreprocessTest, ImageThatIsNotThere) {
  expect_failure(run_program({"preprocess", path("none.png").string(), "--dump", path("dump.pt").string()}), 3,
                 {path("none.png").string()});
}

TEST_F(PreprocessTest, DescriptionThatIsNoJson) {
  write_file(path("model.json"), "input_size: 224");
  expect_failure(preprocess({"--model", model()}), 3, {path("model.json").string(), "JSON"});
}

TEST_F(PreprocessTest, DumpThatCannotBeWritten) {
  const Outcome full = run_program({"preprocess", path("image.ppm").string(), "--dump", "/dev/full"});
  expect_failure(full, 1, {"/dev/full", "No space left"});
  const std::string nowhere = path("none/dump.pt").string();
  expect_failure(run_program({"preprocess", path("image.ppm").string(), "--dump", nowhere}), 1, {nowhere});
}

}  // namespace
}  // namespace ttscale::testing
