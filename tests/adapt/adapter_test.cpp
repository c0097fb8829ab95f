// SPDX-License-Identifier: MIT
// Adapted models against the untouched module and against eager PyTorch.
#include "ttscale/adapter.h"

#include <gmock/gmock.h>

#include <limits>
#include <thread>

#include <torch/script.h>

#include "adapt/message.h"
#include "adapt/with_rule.h"
#include "archives.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::archive_path;
using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::message;
using testing::with;

at::Tensor untouched(const std::string& name, const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  return load_archive(name).forward({x}).toTensor();
}

class AnyArchive : public ::testing::TestWithParam<const char*> {};

TEST_P(AnyArchive, SourceIsBitEqualToTheUntouchedModule) {
  const at::Tensor x = golden(GetParam(), "input");
  Stream stream = adapt(load_archive(GetParam()), with("source")).stream();
  for (int run = 0; run < 3; ++run) {  // the executor profiles, then optimises: every plan must agree
    EXPECT_TRUE(stream.forward(x).equal(untouched(GetParam(), x))) << run;
  }
}

TEST_P(AnyArchive, BatchEqualsEagerTrainingMode) {
  const at::Tensor x = golden(GetParam(), "input");
  Stream stream = adapt(load_archive(GetParam()), with("batch")).stream();
  for (int run = 0; run < 3; ++run) {
    EXPECT_TRUE(stream.forward(x).allclose(golden(GetParam(), "batch"), 1e-4, 1e-5)) << run;
  }
}

INSTANTIATE_TEST_SUITE_P(Archives, AnyArchive,
                         ::testing::Values("net.scripted", "net.traced", "net.frozen", "net.pooled", "net.plain",
                                           "net1d", "net3d", "features", "branches", "shared", "split"));

TEST(Adapt, TrainingModeArchivesAreAtRest) {
  for (const char* name : {"net.scripted-in-training", "traced-in-training"}) {
    const at::Tensor x = golden(name, "input");
    Stream source = adapt(load_archive(name), with("source")).stream();
    Stream batch = adapt(load_archive(name), with("batch")).stream();
    for (int run = 0; run < 3; ++run) {
      EXPECT_TRUE(source.forward(x).allclose(golden(name, "source"), 1e-5, 1e-6)) << name;
      EXPECT_TRUE(batch.forward(x).allclose(golden(name, "batch"), 1e-4, 1e-5)) << name;
    }
  }
}

TEST(Adapt, LeavesTheCallersModuleAlone) {
  for (const char* name : {"net.scripted", "net.pooled", "net.scripted-in-training", "traced-in-training"}) {
    const auto module = load_archive(name);
    const std::string code = module.get_method("forward").graph()->toString();
    std::vector<at::Tensor> before;
    for (const at::Tensor& buffer : module.buffers()) {
      before.push_back(buffer.clone());
    }
    const bool training = module.is_training();
    Stream stream = adapt(module, with("ema")).stream();
    stream.forward(golden(name, "input"));
    EXPECT_EQ(module.get_method("forward").graph()->toString(), code) << name;
    EXPECT_EQ(module.is_training(), training) << name;
    std::size_t i = 0;
    for (const at::Tensor& buffer : module.buffers()) {
      EXPECT_TRUE(buffer.equal(before.at(i++))) << name;
    }
  }
}

TEST(Adapt, WorksOnAModuleThatHasRunBefore) {
  auto module = load_archive("net.scripted");
  const at::Tensor x = golden("net.scripted", "input");
  for (int run = 0; run < 3; ++run) {
    module.forward({x});
  }
  EXPECT_TRUE(adapt(module, with("batch")).stream().forward(x).allclose(golden("net.scripted", "batch"), 1e-4, 1e-5));
}

TEST(Adapt, PooledConstantsStayWhatTheyAre) {
  const at::Tensor x = golden("net.pooled", "input");
  const AdaptedModel model = adapt(load_archive("net.pooled"), with("ema:momentum=1"));
  Stream moved = model.stream();
  moved.forward(x);
  EXPECT_TRUE(model.stream(rule::Source{}).forward(x).equal(untouched("net.pooled", x)));
}

TEST(Adapt, SelectsLayersByPattern) {
  AdaptOptions options = with("batch");
  options.layers = {"stem.*"};
  EXPECT_THAT(adapt(load_archive("net.scripted"), options).sites(),
              ElementsAre(::testing::Field(&Site::name, "stem.1")));
  options.layers = {};
  options.skip_layers = {"stem.?"};
  EXPECT_THAT(adapt(load_archive("net.scripted"), options).sites(), ElementsAre(::testing::Field(&Site::name, "bn2")));
}

TEST(Adapt, PatternsThatSelectNothingAreErrors) {
  AdaptOptions options;
  options.layers = {"layer9*"};
  EXPECT_THAT(message<UsageError>([&] { adapt(load_archive("net.scripted"), options); }),
              AllOf(HasSubstr("'layer9*'"), HasSubstr("stem.1")));
  options.layers = {};
  options.skip_layers = {"*"};
  EXPECT_THAT(message<UsageError>([&] { adapt(load_archive("net.scripted"), options); }), HasSubstr("leave no layer"));
}

TEST(Adapt, RefusesModelsWithNothingToAdapt) {
  EXPECT_THAT(message<ModelError>([] { adapt(archive_path("net.folded")); }),
              HasSubstr("2 convolutions with a bias, as a folded BatchNorm leaves it"));
  EXPECT_THAT(message<ModelError>([] { adapt(archive_path("other-norms")); }), HasSubstr("group_norm"));
  EXPECT_THAT(message<ModelError>([] { adapt(archive_path("mkldnn")); }), HasSubstr("to_mkldnn"));
}

TEST(Adapt, RefusesOtherSignatures) {
  EXPECT_THAT(message<ModelError>([] { adapt(archive_path("two-inputs")); }),
              AllOf(HasSubstr("one image tensor"), HasSubstr("y: Tensor")));
}

TEST(Adapt, RefusesDevicesThatAreNotThere) {
  EXPECT_THAT(message<UsageError>([] { adapt(archive_path("net.scripted"), {}, "cuda:99"); }),
              HasSubstr("is not there"));
  EXPECT_THAT(message<UsageError>([] { adapt(archive_path("net.scripted"), {}, "gpu"); }), HasSubstr("expected cpu"));
}

TEST(Adapt, ScalesTheInputAhead) {
  AdaptOptions options = with("source");
  options.input = Standardize{{0.0}, {1.0}, InputScope::kImage};
  const at::Tensor x = golden("net.scripted", "input");
  const at::Tensor expected = untouched("net.scripted", standardize(x, std::get<Standardize>(options.input)));
  EXPECT_TRUE(adapt(load_archive("net.scripted"), options).stream().forward(x * 3 + 1).allclose(expected, 1e-4, 1e-5));
}

TEST(Adapt, SkippedLayersOfATrainingTraceAreAtRestToo) {
  AdaptOptions options = with("source");
  options.skip_layers = {"*bn2"};
  const std::string name = "traced-in-training";
  EXPECT_TRUE(adapt(load_archive(name), options)
                  .stream()
                  .forward(golden(name, "input"))
                  .allclose(golden(name, "source"), 1e-5, 1e-6));
}

TEST(Adapt, DropoutThatIsMeantStaysOn) {
  Stream stream = adapt(load_archive("monte-carlo"), with("source")).stream();
  const at::Tensor x = at::randn({8, 3, 6, 6});
  EXPECT_FALSE(stream.forward(x).equal(stream.forward(x)));
}

TEST(Adapt, APatternNamesAllCallsOfALayer) {
  AdaptOptions options = with("batch");
  options.layers = {"bn"};
  EXPECT_EQ(adapt(load_archive("shared"), options).sites().size(), 2U);
  options.layers = {"bn#2"};
  EXPECT_EQ(adapt(load_archive("shared"), options).sites().size(), 1U);
}

TEST(Adapt, TakesOptionalInputs) {
  EXPECT_EQ(adapt(load_archive("optional-input")).stream().forward(at::randn({2, 3, 4, 4})).size(0), 2);
}

TEST(Adapt, GivesTheReasonOfAnExceptionInOneLine) {
  Stream stream = adapt(load_archive("raises-value-error")).stream();
  EXPECT_THAT(message<ModelError>([&] {
                stream.forward(at::randn({2, 3, 4, 4}));
              }),
              HasSubstr("expected images of 32 pixels"));
  Stream net = adapt(load_archive("net.scripted")).stream();
  EXPECT_THAT(message<ModelError>([&] { net.forward(at::randn({3, 4})); }), HasSubstr("[3, 4]"));
}

TEST(Adapt, ImagesThatScalingCannotTakeAreDataErrors) {
  AdaptOptions options;
  options.input = Standardize{};
  Stream stream = adapt(load_archive("net.scripted"), options).stream();
  EXPECT_THAT(message<DataError>([&] {
                stream.forward(at::ones({2, 3, 8, 8}, at::kByte));
              }),
              HasSubstr("divide bytes by 255"));
}

// --- streams ---------------------------------------------------------------------------------------------------------

class StatefulRule : public ::testing::TestWithParam<const char*> {
 protected:
  Stream stream() const { return adapt(load_archive("net.scripted"), with(GetParam())).stream(); }
  const at::Tensor x_ = golden("net.scripted", "input");
};

/// The state as a number that shows any change: the output for a fixed probe, taken from the statistics alone.
void expect_same_report(const StreamReport& a, const StreamReport& b) {
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.batches, b.batches);
  for (std::size_t i = 0; i < a.sites.size(); ++i) {
    EXPECT_TRUE(a.sites[i].used_mean.equal(b.sites[i].used_mean));
    EXPECT_TRUE(a.sites[i].used_var.equal(b.sites[i].used_var));
    EXPECT_TRUE(at::equal(a.sites[i].batch_mean.nan_to_num(7), b.sites[i].batch_mean.nan_to_num(7)));
  }
}

TEST_P(StatefulRule, NanAndInfLeaveTheStateAlone) {
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Stream poisoned = stream();
    Stream clean = stream();
    poisoned.forward(x_);
    clean.forward(x_);
    at::Tensor bad = x_.clone();
    bad[2][1][3][3] = poison;
    poisoned.forward(bad);
    EXPECT_EQ(poisoned.report().rejected, 1);
    expect_same_report(poisoned.report(), clean.report());
    EXPECT_TRUE(poisoned.forward(x_ * 2).equal(clean.forward(x_ * 2)));
  }
}

TEST_P(StatefulRule, ImagesBesideANanAreStillNormalisedByFiniteStatistics) {
  at::Tensor bad = x_.clone();
  bad[2][1][3][3] = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor output = stream().forward(bad);
  EXPECT_TRUE(output[2].isnan().all().item<bool>());
  EXPECT_EQ(output.isfinite().all(1).sum().item<std::int64_t>(), x_.size(0) - 1);
}

TEST_P(StatefulRule, AnEmptyBatchLeavesTheStateAlone) {
  Stream with_empty = stream();
  Stream without = stream();
  with_empty.forward(x_);
  without.forward(x_);
  EXPECT_EQ(with_empty.forward(x_.narrow(0, 0, 0)).size(0), 0);
  expect_same_report(with_empty.report(), without.report());
}

TEST_P(StatefulRule, AnExceptionLeavesTheStateAlone) {
  const AdaptedModel model = adapt(load_archive("broken"), with(GetParam()));
  Stream failed = model.stream();
  Stream clean = model.stream();
  const at::Tensor x = at::randn({4, 3, 5, 5});
  failed.forward(x);
  clean.forward(x);
  // The model's only site has run when the forward fails.
  EXPECT_THAT(message<ModelError>([&] {
                failed.forward(at::randn({3, 3, 5, 5}));
              }),
              HasSubstr("three images are too many"));
  EXPECT_THAT(message<ModelError>([&] {
                failed.forward(at::randn({3, 4, 5, 5}));
              }),
              AllOf(HasSubstr("4 channels"), HasSubstr("[3, 4, 5, 5]")));
  expect_same_report(failed.report(), clean.report());
  EXPECT_TRUE(failed.forward(x + 1).equal(clean.forward(x + 1)));
}

TEST_P(StatefulRule, ResetIsAFreshStream) {
  Stream used = stream();
  used.forward(x_);
  used.forward(x_ + 1);
  used.reset();
  Stream fresh = stream();
  expect_same_report(used.report(), fresh.report());
  EXPECT_TRUE(used.forward(x_).equal(fresh.forward(x_)));
}

TEST_P(StatefulRule, InferenceModeAndPlainModeMix) {
  Stream mixed = stream();
  Stream plain = stream();
  {
    const c10::InferenceMode guard;
    mixed.forward(x_);
  }
  plain.forward(x_);
  EXPECT_TRUE(mixed.forward(x_ + 1).equal(plain.forward(x_ + 1)));
  {
    const c10::InferenceMode guard;
    Stream born_inside = stream();
    born_inside.forward(x_);
    EXPECT_EQ(born_inside.report().batches, 1);
  }
}

TEST_P(StatefulRule, StreamsInThreadsEqualStreamsAlone) {
  const AdaptedModel model = adapt(load_archive("net.scripted"), with(GetParam()));
  constexpr int kStreams = 4;
  constexpr int kBatches = 8;
  const auto batch = [&](int stream, int i) { return x_ * (1 + stream) + 0.1 * i; };
  std::vector<at::Tensor> together(kStreams);
  std::vector<std::thread> threads;
  for (int s = 0; s < kStreams; ++s) {
    threads.emplace_back([&, s] {
      Stream stream = model.stream();
      for (int i = 0; i < kBatches; ++i) {
        together[static_cast<std::size_t>(s)] = stream.forward(batch(s, i));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (int s = 0; s < kStreams; ++s) {
    Stream alone = model.stream();
    at::Tensor last;
    for (int i = 0; i < kBatches; ++i) {
      last = alone.forward(batch(s, i));
    }
    EXPECT_TRUE(together[static_cast<std::size_t>(s)].equal(last)) << s;
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, StatefulRule,
                         ::testing::Values("batch", "prior", "alpha", "ema", "ema:order=use-update", "cumulative",
                                           "dua", "iabn", "rbn", "tbr", "adamixbn", "unmixtns", "medbn", "mixnorm",
                                           "tema", "rotta:slots=8,momentum=0.9", "ema:sample=1/3",
                                           "batch:sample=1/3,lag=1"));

TEST(Stream, CountsAndReports) {
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = adapt(load_archive("net.scripted"), with("prior:count=2")).stream();
  EXPECT_TRUE(stream.report().sites[0].batch_mean.isnan().all().item<bool>());
  stream.forward(x);
  stream.forward(x.narrow(0, 0, 4));
  const StreamReport report = stream.report();
  EXPECT_EQ(report.rule, "prior:count=2");
  EXPECT_EQ(report.images, 10);
  EXPECT_EQ(report.batches, 2);
  ASSERT_EQ(report.sites.size(), 2U);
  const SiteReport& site = report.sites[0];
  EXPECT_EQ(site.name, "stem.1");
  EXPECT_GT(site.batch_distance, 0);
  EXPECT_LT(site.used_distance, site.batch_distance);
  const at::Tensor share = (site.used_mean - site.source_mean) / (site.batch_mean - site.source_mean);
  EXPECT_TRUE(share.allclose(at::full_like(share, 4.0 / 6.0)));
}

TEST(Stream, InfThatAReluHidesIsRefused) {
  Stream stream = adapt(load_archive("relu-first"), with("ema")).stream();
  at::Tensor x = at::randn({2, 3, 4, 4});
  x[0][0][0][0] = -std::numeric_limits<double>::infinity();
  stream.forward(x);
  EXPECT_EQ(stream.report().rejected, 1);
  EXPECT_EQ(stream.report().batches, 0);
}

TEST(Stream, SourceCountsAndSaysThatItMeasuresNothing) {
  Stream stream = adapt(load_archive("net.scripted"), with("source")).stream();
  const at::Tensor x = golden("net.scripted", "input");
  stream.forward(x);
  stream.forward(x * std::numeric_limits<double>::quiet_NaN());
  const StreamReport report = stream.report();
  EXPECT_EQ(report.images, x.size(0));
  EXPECT_EQ(report.rejected, 1);
  EXPECT_TRUE(std::isnan(report.sites[0].batch_distance));
  EXPECT_EQ(report.sites[0].used_distance, 0);
}

TEST(Stream, CountsABatchOnceHoweverOftenASiteRuns) {
  Stream stream = adapt(load_archive("branches"), with("ema")).stream();
  stream.forward(golden("branches", "input"));
  EXPECT_EQ(stream.report().batches, 1);
  EXPECT_EQ(stream.report().images, 6);
}

TEST(Stream, ModelsThatWriteIntoThemselvesDoNotMeet) {
  const AdaptedModel model = adapt(load_archive("mutating"), with("source"));
  Stream a = model.stream();
  Stream b = model.stream();
  const at::Tensor x = at::randn({2, 3, 4, 4});
  a.forward(x);
  a.forward(x);
  EXPECT_TRUE(b.forward(x).equal(adapt(load_archive("mutating"), with("source")).stream().forward(x)));
}

TEST(Stream, ReportsDoNotShareTheModelsTensors) {
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("ema"));
  StreamReport report = model.stream().report();
  report.sites[0].source_mean.fill_(99);
  report.sites[0].used_mean.fill_(99);
  EXPECT_LT(model.stream().report().sites[0].source_mean.abs().max().item<double>(), 10);
}

TEST(Stream, PrintsATable) {
  std::ostringstream out;
  Stream stream = adapt(load_archive("net.scripted"), with("ema")).stream();
  stream.forward(golden("net.scripted", "input"));
  out << stream.report();
  EXPECT_THAT(out.str(), AllOf(HasSubstr("rule ema: 6 images in 1 batches"), HasSubstr("stem.1"), HasSubstr("bn2")));
}

TEST(AdaptedModel, ImagesAreGivenInTheTypeOfTheModel) {
  const AdaptOptions options = with("ema");
  EXPECT_EQ(adapt(load_archive("net.scripted"), options).input_type(), at::kFloat);
  EXPECT_EQ(adapt(load_archive("net.bfloat16"), options).input_type(), at::kBFloat16);
  AdaptOptions folded = with("source");
  folded.allow_no_sites = true;
  EXPECT_EQ(adapt(torch::jit::freeze(load_archive("net.bfloat16")), folded).input_type(), at::kBFloat16);
}

TEST(AdaptedModel, NamesMethodsThatAreNotAdapted) {
  torch::jit::Module module("Methods");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(R"(
def norm(self, x: Tensor) -> Tensor:
    mean = self.mean if not self.training else None
    var = self.var if not self.training else None
    return torch.batch_norm(x, None, None, mean, var, self.training, 0.1, 1e-5, False)
def head(self, x: Tensor) -> Tensor:
    return x.mean([2, 3])
def forward(self, x: Tensor) -> Tensor:
    return self.head(self.norm(x))
def features(self, x: Tensor) -> Tensor:
    return self.norm(x) * 2.0
def doubled(self, x: Tensor) -> Tensor:
    return self.head(x) * 2.0
)");
  module.eval();
  EXPECT_THAT(adapt(module, with("ema")).methods_left(), ::testing::ElementsAre("features"));
  const torch::jit::Module frozen = torch::jit::freeze(module, std::vector<std::string>{"features", "doubled"});
  EXPECT_THAT(adapt(frozen, with("ema")).methods_left(), ::testing::ElementsAre("features"));
}

TEST(AdaptedModel, ModelsThatCastImagesTakeSingles) {
  const auto type_of = [](const std::string& first) {
    torch::jit::Module module("Casts");
    module.register_buffer("single", at::ones({3, 3, 1, 1}));
    module.register_buffer("half", at::ones({64, 3, 3, 3}, at::kHalf));
    module.register_buffer("mean", at::zeros({3}));
    module.register_buffer("var", at::ones({3}));
    module.define("def forward(self, x: Tensor) -> Tensor:\n" + first +
                  "    return torch.batch_norm(y.float(), None, None, self.mean, self.var, False, 0.1, 1e-5, False)\n");
    module.eval();
    return adapt(module, with("ema")).input_type();
  };
  EXPECT_EQ(type_of("    y = torch.conv2d(x, self.half)[:, :3]\n"), at::kHalf);
  EXPECT_EQ(type_of("    y = torch.conv2d(x.half(), self.half)[:, :3]\n"), at::kFloat);
  EXPECT_EQ(type_of("    y = torch.conv2d(x, self.half.float())[:, :3]\n"), at::kFloat);
  EXPECT_EQ(type_of("    y = torch.conv2d(torch.conv2d(x, self.single).half(), self.half)[:, :3]\n"), at::kFloat);
  EXPECT_EQ(type_of("    y = x\n"), at::kFloat);
}

TEST(Adapt, AModelThatIsAdaptedIsRefusedUnderSourceToo) {
  const torch::jit::Module adapted = online(adapt(load_archive("net.scripted"), with("auto")).stream());
  AdaptOptions options = with("source");
  options.allow_no_sites = true;
  EXPECT_THAT(([&] { adapt(adapted, options); }),
              ::testing::ThrowsMessage<ModelError>(HasSubstr("is adapted already")));
}

TEST(Stream, ActivationsOfReducedPrecisionKeepTheirType) {
  const at::Tensor x = golden("net.scripted", "input") * 3;
  for (const char* rule : {"ema", "auto"}) {
    const at::Tensor whole = adapt(load_archive("net.scripted"), with(rule)).stream().forward(x);
    const at::Tensor output = adapt(load_archive("net.bfloat16"), with(rule)).stream().forward(x.to(at::kBFloat16));
    EXPECT_EQ(output.scalar_type(), at::kBFloat16) << rule;
    EXPECT_TRUE(output.isfinite().all().item<bool>()) << rule;
    EXPECT_LT((output.to(at::kFloat) - whole).abs().max().item<double>(), 0.05 * whole.abs().max().item<double>())
        << rule << ": 8 bits a number";
  }
}

}  // namespace
}  // namespace ttscale
