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
  expect_refused([](EvalOptions& o) { o.batch_sizes = {0}; }, "batch_size: expected 1 or more, found 0");
  expect_refused([](EvalOptions& o) { o.workers = -1; }, "workers: expected 0 or more, found -1");
  expect_refused([](EvalOptions& o) { o.num_samples = 0; }, "num_samples: expected 1 or more, found 0");
  expect_refused([](EvalOptions& o) { o.input = MinMax{1, 0}; }, "");
  expect_refused([](EvalOptions& o) { o.preprocessing.crop_pct = 2; }, "crop_pct");
  expect_refused([](EvalOptions& o) { o.device = ""; }, "device");
}

TEST(EvalOptions, RefusesProtocolsThatCannotBeUsed) {
  expect_refused([](EvalOptions& o) { o.protocols = {"nonsense"}; }, "mixed-correlated");
  expect_refused([](EvalOptions& o) { o.protocols = {"mixed", "mixed"}; }, "protocol: expected each once, found mixed");
  expect_refused([](EvalOptions& o) { o.protocols = {"continual:speed=2"}; }, "speed");
  expect_refused([](EvalOptions& o) { o.protocols = {"correlated:delta=-1"}; }, "delta");
  expect_refused([](EvalOptions& o) { o.protocols = {"recurring:rounds=0"}; }, "recurring: rounds must be");
  expect_refused([](EvalOptions& o) { o.protocols = {"recurring:images=3"}; }, "rounds");
  expect_refused([](EvalOptions& o) { o.protocols = {"short:images=2.5"}; },
                 "short: images must be a whole number, found 2.5");
  expect_refused([](EvalOptions& o) { o.protocols = {}; }, "protocol: expected at least one");
  expect_refused([](EvalOptions& o) { o.seeds = {1, 1}; }, "seed: expected each once, found 1");
  expect_refused([](EvalOptions& o) { o.window = 8; }, "window: expected at least the batch size (64), found 8");
  expect_refused(
      [](EvalOptions& o) {
        o.protocols = {"correlated"};
        o.order = "sorted";
      },
      "order: expected none, since protocol correlated has its own");
}

TEST(EvalOptions, RefusesToExportAnOrderThatForgetsResets) {
  for (const char* protocol : {"short:images=5", "episodic"}) {
    expect_refused(
        [&](EvalOptions& o) {
          o.protocols = {protocol};
          o.export_order = "order.txt";
        },
        std::string("export_order: expected a protocol whose statistics start again with its streams alone, found ") +
            protocol);
  }
}

TEST(EvalOptions, RefusesAStateOfSeveralStreams) {
  expect_refused(
      [](EvalOptions& o) {
        o.state_out = "a";
        o.seeds = {1, 2};
      },
      "state_out: expected one protocol");
  expect_refused(
      [](EvalOptions& o) {
        o.state_in = "a";
        o.journal = "b";
      },
      "state_in: cannot be used with --resume");
}

TEST(EvalShard, IsRead) {
  EXPECT_EQ(parse_shard("2/3").index, 2);
  EXPECT_EQ(parse_shard("2/3").count, 3);
  for (const char* text : {"", "3", "0/3", "4/3", "1/2/3", "a/b", "1/3 "}) {
    EXPECT_THAT([&] { parse_shard(text); }, ThrowsMessage<UsageError>(HasSubstr("shard: expected I/N"))) << text;
  }
}

}  // namespace
}  // namespace ttscale::eval
