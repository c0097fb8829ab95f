// SPDX-License-Identifier: MIT
// Which forms are timed, which are not and why, and what their times say. Never how fast they are.
#include "eval/forward_cost.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <stdexcept>

#include "archives.h"
#include "stats/rules.h"
#include "temp_folder.h"
#include "ttscale/calibrate.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using ttscale::testing::load_archive;
using ttscale::testing::TempFolder;

/// Small images, few rounds, and a clock that goes on by one with every look at it.
CostOptions options(std::vector<std::string> rules = {"source", "ema", "auto"}) {
  CostOptions out;
  out.rules = std::move(rules);
  out.preprocessing.img_size = image::Size{8, 8};
  out.measuring.rounds = 3;
  out.measuring.warm_up = 1;
  out.measuring.now = [clock = 0.0]() mutable { return clock++; };
  return out;
}

std::vector<std::string> names(const BatchCost& cost) {
  std::vector<std::string> out;
  for (const FormCost& form : cost.forms) {
    out.push_back(form.name);
  }
  return out;
}

const FormCost& form(const BatchCost& cost, const std::string& name) {
  for (const FormCost& one : cost.forms) {
    if (one.name == name) {
      return one;
    }
  }
  throw std::out_of_range(name);
}

TEST(ForwardCost, TimesEveryForm) {
  const BatchCost cost = forward_cost(load_archive("net.scripted"), options(), 2);
  EXPECT_EQ(cost.batch_size, 2);
  EXPECT_GT(cost.sites, 0);
  EXPECT_THAT(names(cost), ElementsAre("original", "frozen", "optimized", "channels_last", "source", "ema", "auto",
                                       "auto with guard", "baked"));
  for (const FormCost& one : cost.forms) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(one.not_timed, "");
    EXPECT_THAT(one.times, AllOf(SizeIs(one.guarded ? 16 : 3), Each(1.0)));
    EXPECT_EQ(one.guarded, one.name == "auto with guard");
    EXPECT_EQ(one.state_bytes.has_value(), one.kind == FormKind::kAdapted);
    EXPECT_EQ(cost.ratio(one).median, 1);
    EXPECT_EQ(cost.images_per_second(one), 2000);
  }
  EXPECT_EQ(form(cost, "baked").kind, FormKind::kBaked);
  EXPECT_EQ(form(cost, "baked").rule, "auto");
}

TEST(ForwardCost, LeavesTheModuleAlone) {
  torch::jit::Module module = load_archive("net.scripted");
  const at::Tensor images = ttscale::testing::golden("net.scripted", "input");
  const at::Tensor before = module.forward({images}).toTensor().clone();
  (void)forward_cost(module, options({"ema"}), 3);
  EXPECT_TRUE(at::equal(module.forward({images}).toTensor(), before));
}

TEST(ForwardCost, RulesWithoutMemoryCannotBeBaked) {
  const BatchCost cost = forward_cost(load_archive("net.scripted"), options({"batch"}), 2);
  EXPECT_THAT(form(cost, "baked").not_timed, HasSubstr("rule batch"));
  EXPECT_TRUE(form(cost, "baked").times.empty());
  EXPECT_TRUE(form(cost, "batch").timed());
}

TEST(ForwardCost, AModelThatIsNotTheSameTwiceHasNoFormsToCompare) {
  const BatchCost cost = forward_cost(load_archive("monte-carlo"), options({"ema"}), 2);
  EXPECT_TRUE(form(cost, "original").timed());
  for (const char* name : {"frozen", "optimized", "channels_last"}) {
    EXPECT_THAT(form(cost, name).not_timed, HasSubstr("differs from one call to the next")) << name;
    EXPECT_TRUE(form(cost, name).times.empty());
  }
  EXPECT_EQ(cost.fastest(), 0U);
}

// LibTorch 1.13 optimizes this one wrongly, 2.11 does not: it is timed, or the reason is there.
TEST(ForwardCost, NoFormIsOmittedSilently) {
  const BatchCost cost = forward_cost(load_archive("blocks.frozen"), options({"ema"}), 2);
  EXPECT_THAT(names(cost), ElementsAre("original", "frozen", "optimized", "channels_last", "ema", "baked"));
  for (const FormCost& one : cost.forms) {
    EXPECT_EQ(one.times.empty(), !one.not_timed.empty()) << one.name;
  }
}

TEST(ForwardCost, FoldedModelsNeedAReference) {
  const torch::jit::Module folded = load_archive("net.folded");
  EXPECT_THROW((void)forward_cost(folded, options(), 2), ModelError);
  CostOptions with = options({"ema"});
  with.reference = reference_from_twin(folded, load_archive("net.scripted"));
  const BatchCost cost = forward_cost(folded, with, 2);
  EXPECT_EQ(cost.sites, static_cast<std::int64_t>(with.reference->sites.size()));
  EXPECT_TRUE(form(cost, "ema").timed());
  EXPECT_TRUE(form(cost, "baked").timed()) << form(cost, "baked").not_timed;
}

TEST(ForwardCost, ImagesThatTheModelDoesNotTake) {
  CostOptions gray = options();
  gray.preprocessing.in_chans = 1;
  gray.preprocessing.mean = gray.preprocessing.std = {0.5};
  EXPECT_THAT([&] { (void)forward_cost(load_archive("net.scripted"), gray, 2); },
              ThrowsMessage<ModelError>(HasSubstr("fails on images [2, 1, 8, 8]")));
}

TEST(ForwardCost, AnInterruptIsNoReasonOfAForm) {
  CostOptions stopped = options();
  for (const int after : {2, 8, 15, 60, 80}) {  // the original, a form, a rule, warm-up, rounds
    stopped.measuring.interrupt = [calls = 0, after]() mutable {
      if (++calls > after) {
        throw Error("interrupted");
      }
    };
    EXPECT_THROW((void)forward_cost(load_archive("net.scripted"), stopped, 2), Error) << after;
  }
}

TEST(CostOptions, AreChecked) {
  const auto refuse = [](auto change, const char* message) {
    CostOptions wrong;
    change(wrong);
    EXPECT_THAT([&] { wrong.validate(); }, ThrowsMessage<UsageError>(HasSubstr(message)));
  };
  EXPECT_NO_THROW(CostOptions().validate());
  refuse([](CostOptions& o) { o.rules = {}; }, "rules: expected at least one");
  refuse([](CostOptions& o) { o.rules = {"ema", "ema"}; }, "twice");
  refuse([](CostOptions& o) { o.rules = {"emma"}; }, "emma");
  refuse([](CostOptions& o) { o.batch_sizes = {4, 0}; }, "batch_size: expected 1 or more, found 0");
  refuse([](CostOptions& o) { o.batch_sizes = {4, 4}; }, "batch_size: expected each once");
  refuse([](CostOptions& o) { o.measuring.rounds = 0; }, "rounds: expected 1 or more, found 0");
  refuse([](CostOptions& o) { o.measuring.warm_up = -1; }, "warm_up: expected 0 or more, found -1");
  refuse([](CostOptions& o) { o.preprocessing.img_size = image::Size{0, 8}; }, "img_size");
}

TEST(StreamBytes, AreWhatAStateFileHoldsAndScratch) {
  const AdaptedModel model = adapt(load_archive("net.scripted"));
  const TempFolder folder;
  for (const char* text : {"source", "ema", "auto", "unmixtns:components=64", "rotta", "tema"}) {
    const Rule rule = parse_rule(text);
    const Stream stream = model.stream(rule);
    stream.save(folder / "one.state");
    const auto file = static_cast<std::int64_t>(std::filesystem::file_size(folder / "one.state"));
    const std::int64_t bytes = stream_bytes(rule, model.sites());
    const std::int64_t kept = bytes - stats::state_size(rule).scratch * static_cast<std::int64_t>(sizeof(double));
    EXPECT_GT(kept, 0) << text;
    EXPECT_LT(kept, file) << text;
    EXPECT_GT(kept + 8192, file) << text << ": names and numbers are all that comes with it";
  }
}

// What the mean over 16 calls rests on: whatever the batch size, so many batches have one batch's worth of comparisons.
TEST(DefaultGuard, ComparesABatchOfImagesInSixteenBatches) {
  const AdaptedModel model = adapt(load_archive("net.scripted"));
  for (const std::int64_t batch : {1, 2, 8, 16, 64, 256}) {
    Stream stream = model.stream();
    const at::Tensor images = at::rand({batch, 3, 8, 8});
    for (std::int64_t call = 0; call < 3 + (32 + batch - 1) / batch; ++call) {
      stream.forward(images);
    }
    const std::int64_t before = stream.guard().compared;
    EXPECT_GE(before, 32);
    for (int call = 0; call < 16; ++call) {
      stream.forward(images);
    }
    EXPECT_EQ(stream.guard().compared - before, batch);
  }
}

FormCost timed(const std::string& name, FormKind kind, std::vector<double> times, bool guarded = false) {
  FormCost out;
  out.name = name;
  out.kind = kind;
  out.times = std::move(times);
  out.guarded = guarded;
  return out;
}

TEST(BatchCost, RatiosAreToTheUnadaptedFormOfTheSmallestMedian) {
  BatchCost cost;
  cost.batch_size = 10;
  cost.forms = {timed("original", FormKind::kUnadapted, {20, 40, 60}),
                timed("frozen", FormKind::kUnadapted, {10, 20, 900}),  // its mean is the largest, its median the least
                timed("optimized", FormKind::kUnadapted, {30, 30, 30}), timed("ema", FormKind::kAdapted, {5, 40, 450}),
                timed("auto with guard", FormKind::kAdapted, {10, 10, 10, 90}, true)};
  FormCost impossible = timed("channels_last", FormKind::kUnadapted, {});
  impossible.not_timed = "cannot";
  cost.forms.push_back(impossible);
  EXPECT_EQ(cost.fastest(), 1U);
  const Quartiles ema = cost.ratio(cost.forms[3]);  // 0.5, 2, 0.5
  EXPECT_DOUBLE_EQ(ema.first, 0.5);
  EXPECT_DOUBLE_EQ(ema.median, 0.5);
  EXPECT_DOUBLE_EQ(ema.third, 1.25);
  EXPECT_DOUBLE_EQ(cost.ratio_to_original(cost.forms[3]).median, 1);  // 0.25, 1, 7.5
  EXPECT_DOUBLE_EQ(cost.ratio(cost.forms[4]).median, 30.0 / 310) << "means";
  EXPECT_DOUBLE_EQ(cost.forms[4].milliseconds(), 30);
  EXPECT_DOUBLE_EQ(cost.forms[3].milliseconds(), 40);
  EXPECT_DOUBLE_EQ(cost.images_per_second(cost.forms[3]), 250);
}

}  // namespace
}  // namespace ttscale::eval
