// SPDX-License-Identifier: MIT
// The rule auto in whole models: what travels with the graph, the first look, and where it finds the scores.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include <torch/script.h>

#include "adapt/with_rule.h"
#include "archives.h"
#include "stats/rules/auto_state.h"
#include "temp_folder.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"

namespace ttscale {
namespace {

using stats::auto_state::kClasses;
using stats::auto_state::kConcentration;
using stats::auto_state::kLooked;
using testing::exactly;
using testing::golden;
using testing::load_archive;
using testing::with;

/// Neighbours take the place of the stream from the first image on.
constexpr const char* kNeighboursCount = "auto:apart=0.5,alike=2";

/// Batches of a stream that has moved away from what the model was trained on.
std::vector<at::Tensor> batches(const at::Tensor& like, int count) {
  torch::manual_seed(11);
  std::vector<at::Tensor> out;
  for (int i = 0; i < count; ++i) {
    out.push_back(at::randn_like(like) * 2 + 1);
  }
  return out;
}

/// What the sites of the stream share.
at::Tensor shared(const Stream& stream) { return online(stream).attr("_ttscale_stream").toTensor(); }

class AutoOnAnyArchive : public ::testing::TestWithParam<const char*> {};

TEST_P(AutoOnAnyArchive, AdaptsTowardsTheBatchAndStaysFinite) {
  const at::Tensor x = golden(GetParam(), "input");
  AdaptOptions options = with("auto:correlation=0");  // the predictions for noise may all be of one class
  options.guard = Guard{0};                           // noise tells no classes
  const AdaptedModel model = adapt(load_archive(GetParam()), options);
  Stream stream = model.stream();
  for (const at::Tensor& batch : batches(x, 6)) {
    const at::Tensor y = stream.forward(batch);
    EXPECT_TRUE(y.isfinite().all().item<bool>());
    EXPECT_FALSE(y.equal(model.stream(rule::Source{}).forward(batch)));
  }
  const StreamReport report = stream.report();
  EXPECT_EQ(report.images, 6 * x.size(0));
  for (const SiteReport& site : report.sites) {
    if (std::isnan(site.batch_distance)) {
      continue;  // in a branch that no image took
    }
    EXPECT_GT(site.used_distance, 0) << site.name;
    EXPECT_LT(site.used_distance, site.batch_distance) << site.name;
  }
}

TEST(AutoStream, SaysWhatItHasFoundOut) {
  const at::Tensor x = golden("net.scripted", "input");
  AdaptOptions options = with("auto");
  options.guard = Guard{0};  // noise tells no classes
  Stream stream = adapt(load_archive("net.scripted"), options).stream();
  EXPECT_THAT(stream.report().findings, ::testing::IsEmpty());
  torch::manual_seed(12);
  for (int i = 0; i < 40; ++i) {  // every other image is of another domain
    at::Tensor batch = at::randn_like(x);
    batch.slice(0, 0, batch.size(0), 2).mul_(0.2).add_(2);
    stream.forward(batch);
  }
  const StreamReport report = stream.report();
  ASSERT_THAT(report.findings, ::testing::SizeIs(1));
  EXPECT_THAT(report.findings[0], ::testing::HasSubstr("mixed of several domains"));
  std::ostringstream out;
  out << report;
  EXPECT_THAT(out.str(), ::testing::HasSubstr("\nfound: " + report.findings[0] + "\n"));
}

TEST_P(AutoOnAnyArchive, AnOnlineArchiveGoesOnWhereTheStreamIs) {
  const at::Tensor x = golden(GetParam(), "input");
  for (const char* rule : {"auto", kNeighboursCount}) {
    Stream stream = adapt(load_archive(GetParam()), exactly(rule)).stream();
    stream.forward(x);
    std::stringstream bytes;
    online(stream).save(bytes);
    torch::jit::Module module = torch::jit::load(bytes);
    const at::NoGradGuard no_grad;
    for (const at::Tensor& batch : batches(x, 4)) {
      EXPECT_TRUE(module.forward({batch}).toTensor().equal(stream.forward(batch))) << rule;
    }
  }
}

TEST_P(AutoOnAnyArchive, BakedIsCloseToTheStream) {
  const at::Tensor x = golden(GetParam(), "input");
  // That forgets nothing: after a jump the classes of the history are others than those that the batch was met with.
  Stream stream = adapt(load_archive(GetParam()), with("auto:spread=0,surprise=100,distinct=100")).stream();
  at::Tensor y;
  at::Tensor last;
  for (const at::Tensor& batch : batches(x, 60)) {
    last = batch;
    y = stream.forward(batch);
  }
  torch::jit::Module baked = bake(stream);
  EXPECT_EQ(baked.get_method("forward").graph()->toString().find("ttscale"), std::string::npos);
  const at::NoGradGuard no_grad;
  const at::Tensor fixed = baked.forward({last}).toTensor();
  const at::Tensor source = load_archive(GetParam()).forward({last}).toTensor();
  EXPECT_LT((fixed - y).norm().item<double>(),
            1e-4 * y.norm().item<double>() + 0.2 * (source - y).norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Archives, AutoOnAnyArchive,
                         ::testing::Values("net.scripted", "net.traced", "net.frozen", "net.pooled", "net.plain",
                                           "net1d", "net3d", "features", "branches", "shared", "split"));

TEST(Auto, NeighboursReachTheOutput) {
  const at::Tensor x = batches(golden("net.scripted", "input"), 1)[0];
  Stream with_neighbours = adapt(load_archive("net.scripted"), with(kNeighboursCount)).stream();
  Stream without = adapt(load_archive("net.scripted"), with("auto:neighbours=0")).stream();
  Stream usual = adapt(load_archive("net.scripted"), with("auto")).stream();
  const at::Tensor y = without.forward(x);
  EXPECT_FALSE(with_neighbours.forward(x).equal(y));
  EXPECT_TRUE(usual.forward(x).equal(y)) << "few images, and nothing known of them";
}

class AutoWithState : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Rules, AutoWithState, ::testing::Values("auto", kNeighboursCount));

TEST_P(AutoWithState, ALoadedStreamGoesOnAsTheSavedOne) {
  const testing::TempFolder folder;
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with(GetParam()));
  Stream stream = model.stream();
  stream.forward(x);
  stream.save(folder / "state");
  Stream other = model.stream();
  other.forward(x * 3);
  other.load(folder / "state");
  EXPECT_TRUE(other.forward(x).equal(stream.forward(x)));
}

TEST_P(AutoWithState, AResetStreamStartsAnew) {
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = adapt(load_archive("net.scripted"), with(GetParam())).stream();
  const Snapshot fresh = stream.snapshot();
  const at::Tensor first = stream.forward(x);
  const at::Tensor second = stream.forward(x);
  EXPECT_FALSE(first.equal(second));
  stream.reset();
  EXPECT_TRUE(stream.forward(x).equal(first));
  EXPECT_TRUE(stream.forward(x).equal(second));
  stream.rollback(fresh);
  EXPECT_TRUE(stream.forward(x).equal(first));
}

TEST(Auto, TheFirstBatchIsLookedAtBeforehand) {
  const at::Tensor x = golden("net.scripted", "input");
  ASSERT_GT(x.size(0), 4);
  const AdaptedModel model = adapt(load_archive("net.scripted"), exactly("auto"));
  Stream stream = model.stream();
  torch::jit::Module cautious = online(stream);  // no first look in an archive: classes count as concentrated
  const at::NoGradGuard no_grad;
  const at::Tensor looked = stream.forward(x);
  EXPECT_FALSE(cautious.forward({x}).toTensor().equal(looked));
  EXPECT_EQ(stream.report().images, x.size(0)) << "the look does not count";
  // Of few images one does not know more.
  Stream single = model.stream();
  torch::jit::Module same = online(single);
  EXPECT_TRUE(same.forward({x.narrow(0, 0, 3)}).toTensor().equal(single.forward(x.narrow(0, 0, 3))));
}

TEST(Auto, ARefusedBatchLeavesNoTrace) {
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = adapt(load_archive("net.scripted"), with("auto")).stream();
  stream.forward(x);
  const at::Tensor before = shared(stream);
  at::Tensor broken = x.clone();
  broken[1][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  stream.forward(broken);
  EXPECT_TRUE(shared(stream).equal(before));
  EXPECT_EQ(stream.report().rejected, 1);
}

torch::jit::Module returning(const std::string& result) {
  torch::jit::Module module("Net");
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(
      "def forward(self, x):\n  y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, False)\n"
      "  scores = y.mean([2, 3])\n  return " +
      result + "\n");
  return module;
}

/// How much class 0 ... 2 was predicted.
at::Tensor counted(const std::string& result, const std::string& output = "") {
  AdaptOptions options = with("auto");
  options.call.output = output;
  Stream stream = adapt(returning(result), options).stream();
  at::Tensor x = at::zeros({6, 3, 2, 2});
  x.select(1, 2).fill_(3000);  // class 2 wins, and surely
  stream.forward(x);
  const at::Tensor numbers = shared(stream);
  EXPECT_EQ(numbers[kLooked].item<double>(), 1) << result;
  return numbers.slice(0, kClasses, kClasses + 3);
}

TEST(Auto, FindsTheScoresInWhatTheModelReturns) {
  for (const char* result :
       {"scores", "(y, scores, -scores)", "[y, scores]", "{'map': y, 'logits': scores}", "(y, (y, scores))"}) {
    EXPECT_TRUE(counted(result).equal(at::tensor({0.0, 0.0, 6.0}, at::kDouble))) << result;
  }
  EXPECT_TRUE(counted("(scores, 1 - scores)", "1").equal(at::tensor({3.0, 3.0, 0.0}, at::kDouble)));
  EXPECT_TRUE(counted("{'a': scores, 'b': {'c': 1 - scores}}", "b.c").equal(at::tensor({3.0, 3.0, 0.0}, at::kDouble)));
}

TEST(Auto, MapsOfScoresTellNothingAboutClasses) {
  AdaptOptions options = with("auto");
  Stream stream = adapt(returning("y"), options).stream();
  stream.forward(at::randn({6, 3, 4, 4}) * 3 + 2);
  const at::Tensor numbers = shared(stream);
  EXPECT_EQ(numbers[kLooked].item<double>(), 1);
  EXPECT_EQ(numbers[kConcentration].item<double>(), 0);
  EXPECT_GT(stream.report().sites[0].used_distance, 0);
}

TEST(Auto, StreamsOfOneModelDoNotMeet) {
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("auto"));
  Stream a = model.stream();
  Stream b = model.stream();
  const at::Tensor first = a.forward(x);
  b.forward(x * 5 - 2);
  b.forward(x * 5 - 2);
  const at::Tensor second = a.forward(x);
  a.reset();
  EXPECT_TRUE(a.forward(x).equal(first));
  EXPECT_TRUE(a.forward(x).equal(second));
}

}  // namespace
}  // namespace ttscale
