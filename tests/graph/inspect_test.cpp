// SPDX-License-Identifier: MIT
// What inspect() finds in archives of every kind.
#include "ttscale/inspect.h"

#include <gmock/gmock.h>

#include <torch/script.h>

#include "archives.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::archive_path;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;

std::vector<std::string> names(const Inspection& inspection) {
  std::vector<std::string> out;
  for (const Site& site : inspection.sites) {
    out.push_back(site.name);
  }
  return out;
}

class NamedSites : public ::testing::TestWithParam<const char*> {};

TEST_P(NamedSites, FollowTheAttributePath) {
  const Inspection found = inspect(load_archive(GetParam()));
  EXPECT_THAT(names(found), ElementsAre("stem.1", "bn2"));
  EXPECT_EQ(found.adaptable(), 2);
  EXPECT_EQ(found.sites[0].channels, 4);
  EXPECT_EQ(found.sites[1].channels, 6);
  EXPECT_DOUBLE_EQ(found.sites[0].eps, 1e-5);
  EXPECT_DOUBLE_EQ(found.sites[1].eps, 1e-3);
  EXPECT_EQ(found.sites[0].kind, "batch_norm");
}

INSTANTIATE_TEST_SUITE_P(Archives, NamedSites,
                         ::testing::Values("net.scripted", "net.traced", "net.scripted-in-training", "net1d", "net3d",
                                           "net.plain", "net.bfloat16"));

TEST(Inspect, FrozenConstantsHaveNoPathAndGetNumbers) {
  for (const char* name : {"net.frozen", "net.pooled"}) {
    const Inspection found = inspect(load_archive(name));
    EXPECT_THAT(names(found), ElementsAre("batch_norm_0", "batch_norm_1")) << name;
    EXPECT_EQ(found.adaptable(), 2) << name;
    EXPECT_EQ(found.sites[1].channels, 6) << name;
  }
}

TEST(Inspect, AffineIsReported) {
  EXPECT_TRUE(inspect(load_archive("net.scripted")).sites[0].affine);
  EXPECT_FALSE(inspect(load_archive("net.plain")).sites[0].affine);
}

TEST(Inspect, FindsSitesInBranchesAndLoops) {
  const Inspection found = inspect(load_archive("branches"));
  EXPECT_THAT(names(found), ElementsAre("large", "small", "again"));
  EXPECT_EQ(found.adaptable(), 3);
}

TEST(Inspect, NumbersTheCallsOfASharedLayer) {
  EXPECT_THAT(names(inspect(load_archive("shared"))), ElementsAre("bn", "bn#2"));
}

TEST(Inspect, FindsFunctionalBatchNorm) {
  for (const char* name : {"functional", "functional.traced"}) {
    const Inspection found = inspect(load_archive(name));
    ASSERT_EQ(found.sites.size(), 1U) << name;
    EXPECT_TRUE(found.sites[0].adaptable) << name;
    EXPECT_DOUBLE_EQ(found.sites[0].eps, 1e-4) << name;
    EXPECT_EQ(found.sites[0].channels, 4) << name;
  }
}

TEST(Inspect, SaysWhatATrainingTraceMeans) {
  const Inspection found = inspect(load_archive("traced-in-training"));
  EXPECT_EQ(found.adaptable(), 2);
  EXPECT_THAT(found.sites[0].note, HasSubstr("traced in training mode"));
  EXPECT_THAT(found.summary, HasSubstr("traced in training mode"));
}

TEST(Inspect, RefusesLayersWithoutRunningStatistics) {
  const Inspection found = inspect(load_archive("no-statistics"));
  EXPECT_EQ(found.adaptable(), 0);
  EXPECT_THAT(found.sites.at(0).note, HasSubstr("no running statistics"));
  EXPECT_THAT(found.summary,
              AllOf(HasSubstr("no BatchNorm layer that can be adapted"), HasSubstr("no running statistics")));
}

TEST(Inspect, ListsOtherNormsWithTheReason) {
  const Inspection found = inspect(load_archive("other-norms"));
  EXPECT_THAT(names(found),
              ElementsAre("group", "instance", "instance#2", "layer"));  // instance norm: one call per branch
  for (const Site& site : found.sites) {
    EXPECT_FALSE(site.adaptable);
    EXPECT_THAT(site.note, HasSubstr("already")) << site.name;
  }
  EXPECT_EQ(found.adaptable(), 0);
  EXPECT_THAT(found.summary, HasSubstr("group_norm"));
}

TEST(Inspect, ExplainsFoldedModels) {
  const Inspection found = inspect(load_archive("net.folded"));
  EXPECT_EQ(found.adaptable(), 0);
  EXPECT_EQ(found.operators.at("convolution with bias"), 2);
  EXPECT_THAT(found.summary, AllOf(HasSubstr("2 convolutions with a bias, as a folded BatchNorm leaves it"),
                                   HasSubstr("ttscale calibrate")));
}

TEST(Inspect, RefusesQuantizedModels) {
  const Inspection found = inspect(load_archive("quantized"));
  EXPECT_EQ(found.adaptable(), 0);
  EXPECT_THAT(found.summary, HasSubstr("bring the float model"));
  ASSERT_EQ(found.sites.size(), 1U);
  EXPECT_THAT(found.sites[0].note, HasSubstr("quantized"));
}

TEST(Inspect, RefusesMkldnnLayout) {
  const Inspection found = inspect(load_archive("mkldnn"));
  EXPECT_EQ(found.adaptable(), 0);
  EXPECT_THAT(found.summary, HasSubstr("to_mkldnn"));
}

TEST(Inspect, RefusesLayersInsideAFork) {
  const Inspection found = inspect(load_archive("forked"));
  ASSERT_EQ(found.sites.size(), 2U);
  EXPECT_THAT(found.sites[0].note, HasSubstr("fork"));
  EXPECT_TRUE(found.sites[1].adaptable);
}

TEST(Inspect, RefusesStatisticsThatTheGraphChooses) {
  const Inspection found = inspect(load_archive("split"));
  ASSERT_EQ(found.sites.size(), 2U);
  EXPECT_FALSE(found.sites[0].adaptable);
  EXPECT_THAT(found.sites[0].note, HasSubstr("chosen by the graph"));
  EXPECT_TRUE(found.sites[1].adaptable);
}

TEST(Inspect, TellsWhatItCannotLookInto) {
  EXPECT_THAT(inspect(load_archive("behind-interface")).summary, HasSubstr("1 call through module interfaces"));
}

TEST(Inspect, TellsOfModelsThatChangeThemselves) {
  EXPECT_THAT(inspect(load_archive("mutating")).summary, HasSubstr("changes 1 attribute"));
}

TEST(Inspect, NotesSitesInLoops) {
  EXPECT_THAT(inspect(load_archive("branches")).sites.at(2).note, HasSubstr("in a loop"));
}

TEST(Inspect, BatchNormWithoutStatisticsIsNoTrainingTrace) {
  EXPECT_THAT(inspect(load_archive("monte-carlo")).summary, ::testing::Not(HasSubstr("traced in training mode")));
}

TEST(Inspect, TellsInstanceNormsWithStatisticsFromOthers) {
  torch::jit::Module module("Instances");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(R"(
def forward(self, x: Tensor) -> Tensor:
    y = torch.instance_norm(x, None, None, self.mean, self.var, self.training, 0.1, 1e-5, False)
    return torch.instance_norm(y, None, None, None, None, True, 0.1, 1e-5, False).mean([2, 3])
)");
  module.eval();
  const Inspection found = inspect(module);
  ASSERT_EQ(found.sites.size(), 2U);
  EXPECT_THAT(found.sites[0].note, HasSubstr("running statistics of its own"));
  EXPECT_THAT(found.sites[1].note, HasSubstr("from each image already"));
  EXPECT_THAT(found.summary, HasSubstr("2 instance_norm calls in its place, which cannot be adapted"));
}

TEST(Inspect, SaysWhenThereIsNothing) {
  EXPECT_THAT(inspect(load_archive("bare")).summary, HasSubstr("found no normalisation layer"));
}

TEST(Inspect, LeavesTheModuleAlone) {
  const auto module = load_archive("net.scripted");
  const std::string before = module.get_method("forward").graph()->toString();
  inspect(module);
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

void expect_model_error(const std::filesystem::path& path, const std::string& text) {
  try {
    inspect(path);
    FAIL() << path;
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
    EXPECT_THAT(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

TEST(Load, SaysInOneLineWhatIsWrongWithAFile) {
  expect_model_error("/no/such/model.pt", "does not exist");
  expect_model_error(archive_path("").parent_path(), "is not a file");
  expect_model_error((testing::source_dir() / "README.md").string(), "is not a TorchScript archive");
  expect_model_error(archive_path("checkpoint"), "is not a TorchScript archive");
  expect_model_error(archive_path("no-forward"), "has no forward method");
  expect_model_error(archive_path("raises-when-loaded"), "made by a newer version");
}

}  // namespace
}  // namespace ttscale
