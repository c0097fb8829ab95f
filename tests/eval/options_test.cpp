// SPDX-License-Identifier: MIT
// Options that cannot be used are refused by name.
#include "eval/options.h"

#include <gmock/gmock.h>

#include <functional>

#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

void expect_refused(const std::function<void(EvalOptions&)>& change, const std::string& text) {
  EvalOptions options;
  options.rules = {"source"};
  options.validate();
  change(options);
  EXPECT_THAT([&] { options.validate(); }, ThrowsMessage<UsageError>(AllOf(HasSubstr(text), Not(HasSubstr("\n")))));
}

TEST(EvalOptions, RefusesWhatCannotBeUsed) {
  expect_refused([](EvalOptions& o) { o.rules = {}; }, "--rule");
  expect_refused([](EvalOptions& o) { o.rules = {"nonsense"}; }, "nonsense");
  expect_refused([](EvalOptions& o) { o.rules = {"ema:momentum=2"}; }, "momentum");
  expect_refused([](EvalOptions& o) { o.rules = {"batch", "batch"}; }, "\"batch\" twice");
  expect_refused([](EvalOptions& o) { o.batch_size = 0; }, "batch_size: expected 1 or more, found 0");
  expect_refused([](EvalOptions& o) { o.workers = -1; }, "workers: expected 0 or more, found -1");
  expect_refused([](EvalOptions& o) { o.num_samples = 0; }, "num_samples: expected 1 or more, found 0");
  expect_refused([](EvalOptions& o) { o.input = MinMax{1, 0}; }, "");
  expect_refused([](EvalOptions& o) { o.preprocessing.crop_pct = 2; }, "crop_pct");
  expect_refused([](EvalOptions& o) { o.device = ""; }, "device");
}

TEST(EvalReset, IsReadAndWritten) {
  for (const char* text : {"domain", "never"}) {
    EXPECT_EQ(to_string(parse_reset(text)), text);
  }
  EXPECT_THAT([] { parse_reset("often"); },
              ThrowsMessage<UsageError>(HasSubstr("reset: expected domain or never, found \"often\"")));
}

}  // namespace
}  // namespace ttscale::eval
