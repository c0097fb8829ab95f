// SPDX-License-Identifier: MIT
// Results and resume files that somebody else wrote, or that a disk damaged: one line says what is wrong.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "eval/merge.h"
#include "eval/options.h"
#include "eval/result_json.h"
#include "fuzz/small_plan.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class UntrustedResults : public ::testing::Test {
 protected:
  UntrustedResults() {
    EvalResult result;
    result.plan = fuzz::small_plan();
    result.plan.shard = {1, 2};
    result.cells = {fuzz::small_cell()};
    result.partial = false;
    text = to_json(result);
  }

  /// Of the results with one piece of text replaced.
  [[nodiscard]] std::string refusal(const std::string& from, const std::string& to) const {
    return message_of<DataError>([&] { parse_results(replaced(text, from, to), "r.json"); });
  }

  std::string text;
};

TEST_F(UntrustedResults, AreReadBack) { EXPECT_EQ(to_json(parse_results(text, "r.json")), text); }

TEST_F(UntrustedResults, TheCallIsReadBackAndMayBeMissing) {
  EvalResult result = parse_results(text, "r.json");
  result.plan.input_index = 1;
  result.plan.output = "logits";
  result.plan.max_pixels = 1000;
  auto json = nlohmann::ordered_json::parse(to_json(result));
  EvalPlan plan = parse_results(json.dump(), "r.json").plan;
  EXPECT_EQ(plan.input_index, 1);
  EXPECT_EQ(plan.output, "logits");
  EXPECT_EQ(plan.max_pixels, 1000);
  json.erase("call");
  json.erase("max_pixels");
  plan = parse_results(json.dump(), "r.json").plan;
  EXPECT_EQ(plan.input_index, 0);
  EXPECT_EQ(plan.output, "");
  EXPECT_EQ(plan.max_pixels, image::DecodeLimits().max_pixels);
}

TEST_F(UntrustedResults, CountsAreWholeNumbersOfASensibleSize) {
  for (const std::string number : {"1.5", "1e300", "-2", "9223372036854775807", "18446744073709551615", "true"}) {
    EXPECT_THAT(refusal("\"images\":4", "\"images\":" + number),
                AllOf(HasSubstr("r.json"), HasSubstr("expected a whole number from -1")))
        << number;
  }
  EXPECT_THAT(refusal("\"broken\":1", "\"broken\":1e300"), HasSubstr("found 1e+300"));
  EXPECT_THAT(refusal("\"images\":[3,1]", "\"images\":[3,1.5]"), HasSubstr("found 1.5"));
  EXPECT_THAT(refusal("\"seed\":0", "\"seed\":-1"), HasSubstr("without sign"));
}

TEST_F(UntrustedResults, AShardThatIsNoneIsRefused) {
  for (const std::string shard : {"", "x", "1", "0/2", "3/2", "1/0", "1/99999999999999999999", "1/1000000000"}) {
    EXPECT_THAT(refusal("\"1/2\"", "\"" + shard + "\""), AllOf(HasSubstr("r.json"), HasSubstr("expected I/N")))
        << shard;
  }
}

TEST_F(UntrustedResults, OptionsThatDoNotExistAreErrorsOfTheFile) {
  EXPECT_THAT(refusal("\"center\"", R"("a\nb")"),
              AllOf(HasSubstr("r.json"), HasSubstr("found 'a\\nb'"), Not(HasSubstr("\n"))));
  EXPECT_THAT(refusal("\"mean\":[0.5]", "\"mean\":[]"), AllOf(HasSubstr("r.json"), HasSubstr("mean: expected")));
}

TEST_F(UntrustedResults, MessagesStayShort) {
  EXPECT_LT(refusal("\"complete\"", std::string(100'000, 'x')).size(), 1000U);
  EXPECT_LT(refusal("\"center\"", "\"" + std::string(100'000, 'x') + "\"").size(), 1000U);
}

TEST_F(UntrustedResults, DeepJsonIsRefusedBeforeItIsParsed) {
  EXPECT_THAT(refusal("\"images\":4", "\"images\":" + std::string(1'000'000, '[')), HasSubstr("levels of JSON"));
}

TEST(UntrustedJournal, LinesAreRefusedWithTheirNumber) {
  const EvalPlan plan = fuzz::small_plan();
  const std::string header = journal_header(plan);
  const std::string line = journal_line(fuzz::small_checkpoint());
  EXPECT_EQ(parse_journal(header + line + line, plan, "j").checkpoints.size(), 2U);
  EXPECT_EQ(parse_journal(header + line + "{", plan, "j").whole_lines, header.size() + line.size());
  const auto refusal = [&](const std::string& text) {
    return message_of<DataError>([&] { parse_journal(text, plan, "j"); });
  };
  EXPECT_THAT(refusal(header + line + replaced(line, "\"unit\":0", "\"unit\":1e300")),
              AllOf(HasSubstr("j: line 3"), HasSubstr("found 1e+300")));
  EXPECT_THAT(refusal(header + std::string(100'000, '[') + "\n"), AllOf(HasSubstr("line 2"), HasSubstr("levels")));
  EXPECT_THAT(refusal(replaced(header, "\"shard\":null", "\"shard\":\"x\"")),
              AllOf(HasSubstr("line 1"), HasSubstr("expected I/N")));
  EXPECT_THAT(refusal("{}\n"), HasSubstr("line 1"));
  EXPECT_THAT(refusal(replaced(header, "ttscale-journal", "another")), HasSubstr("another format"));
  EXPECT_THAT(refusal(""), HasSubstr("expected a file of `ttscale eval --resume`"));
}

}  // namespace
}  // namespace ttscale::eval
