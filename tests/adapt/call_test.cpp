// SPDX-License-Identifier: MIT
// Models with several arguments or outputs.
#include <gmock/gmock.h>

#include <torch/script.h>

#include "archives.h"
#include "ttscale/adapter.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::load_archive;

/// BatchNorm by functional call, and a forward of our making.
torch::jit::Module module_with(const std::string& forward) {
  torch::jit::Module module("m");
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(forward);
  return module;
}

constexpr const char* kNorm = "torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, False)";

torch::jit::Module returning(const std::string& result) {
  return module_with("def forward(self, x):\n  y = " + std::string(kNorm) + "\n  scores = y.mean([2, 3])\n  return " +
                     result + "\n");
}

AdaptOptions with_output(const std::string& output) {
  AdaptOptions options;
  options.rule = rule::Source{};
  options.call.output = output;
  return options;
}

at::Tensor run(const torch::jit::Module& module, const std::string& output = "") {
  return adapt(module, with_output(output)).stream().forward(at::arange(24, at::kFloat).view({2, 3, 2, 2}));
}

template <typename Error>
std::string refusal(const torch::jit::Module& module, const AdaptOptions& options) {
  try {
    adapt(module, options).stream().forward(at::ones({2, 3, 2, 2}));
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(Outputs, TheFirstOfTwoDimensionsIsTaken) {
  const at::Tensor scores = run(returning("scores"));
  for (const char* result : {"(y, scores, scores + 1)", "[y, scores, scores + 1]", "{'map': y, 'logits': scores}",
                             "(y, (y, scores))", "{'aux': [y, scores]}"}) {
    EXPECT_TRUE(run(returning(result)).equal(scores)) << result;
  }
}

TEST(Outputs, ModelsOfSegmentationAnswerTheirOnlyMapOrOut) {
  const at::Tensor map = run(returning("y"));
  for (const char* result : {"{'aux': y + 1, 'out': y}", "{'maps': y}", "[y]"}) {
    EXPECT_TRUE(run(returning(result)).equal(map)) << result;
  }
  for (const char* result : {"(y, y.flatten(2))", "(y, y + 1)", "{'aux': y + 1, 'output': y}", "{'out': y[:1]}"}) {
    EXPECT_THAT(refusal<ModelError>(returning(result), with_output("")), HasSubstr("--output")) << result;
  }
}

TEST(Outputs, AreChosenByPositionOrKey) {
  const at::Tensor scores = run(returning("scores"));
  EXPECT_TRUE(run(returning("(y, scores, scores + 1)"), "2").equal(scores + 1));
  EXPECT_TRUE(run(returning("{'logits': scores, 'aux': scores * 2}"), "aux").equal(scores * 2));
  EXPECT_TRUE(run(returning("(y, (y, scores * 3))"), "1.1").equal(scores * 3));
}

TEST(Outputs, RefusalsNameWhatThereIs) {
  const auto pair = returning("{'map': y, 'logits': scores}");
  EXPECT_THAT(refusal<UsageError>(pair, with_output("aux")),
              AllOf(HasSubstr("logits [2, 3]"), HasSubstr("map [2, 3, 2, 2]")));
  EXPECT_THAT(refusal<UsageError>(returning("scores"), with_output("0")), HasSubstr("leave \"0\" out"));
  EXPECT_THAT(refusal<ModelError>(returning("(y[0], y[1])"), with_output("")),
              AllOf(HasSubstr("--output"), HasSubstr("0 [3")));
  EXPECT_THAT(refusal<ModelError>(returning("{'a': int(scores.sum())}"), with_output("")),
              HasSubstr("returns Dict(str, int)"));
}

TEST(Inputs, AreChosenByPosition) {
  const std::string head = "def forward(self, factor: float = 2.0, x: Optional[Tensor] = None):\n";
  const auto module =
      module_with(head + "  assert x is not None\n  y = " + kNorm + "\n  return y.mean([2, 3]) * factor\n");
  AdaptOptions options = with_output("");
  EXPECT_THAT(refusal<ModelError>(module, options), AllOf(HasSubstr("factor: float"), HasSubstr("--input-index")));
  options.call.input_index = 1;
  const at::Tensor x = at::randn({2, 3, 4, 4});
  EXPECT_TRUE(adapt(module, options).stream().forward(x).allclose(x.mean({2, 3}) * 2, 1e-4, 1e-5));
  options.call.input_index = 2;
  EXPECT_THAT(refusal<UsageError>(module, options), HasSubstr("expected 0 to 1"));
}

TEST(Inputs, AModelOfOneArgumentHasNoOther) {
  AdaptOptions options = with_output("");
  options.call.input_index = 1;
  EXPECT_THAT(refusal<UsageError>(load_archive("net.scripted"), options), HasSubstr("input_index: expected 0 to 0"));
}

TEST(Inputs, OthersMustHaveDefaults) {
  AdaptOptions options = with_output("");
  options.call.input_index = 1;
  EXPECT_THAT(refusal<ModelError>(load_archive("two-inputs"), options), HasSubstr("wrap the model"));
}

}  // namespace
}  // namespace ttscale
