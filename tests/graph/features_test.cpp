// SPDX-License-Identifier: MIT
// Which convolutions inspect() takes for folded BatchNorm, and what it says of the others.
#include <gmock/gmock.h>

#include "archives.h"
#include "ttscale/inspect.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;
using ::testing::Not;

/// A feature site in short: its name, "+" where it is chosen.
std::vector<std::string> in_short(const Inspection& inspection) {
  std::vector<std::string> out;
  for (const Site& site : inspection.features) {
    out.push_back((site.chosen ? "+" : "") + site.name);
  }
  return out;
}

Site find(const Inspection& inspection, const std::string& name) {
  for (const Site& site : inspection.features) {
    if (site.name == name) {
      return site;
    }
  }
  ADD_FAILURE() << "no feature site " << name;
  return {};
}

TEST(Features, EveryFoldedBatchNormOfAFrozenNetworkIsChosenAndNothingElse) {
  const Inspection found = inspect(load_archive("blocks.folded"));
  EXPECT_THAT(in_short(found),
              ElementsAre("+convolution_0", "+convolution_1", "+convolution_2",  // stem, ahead of the addition, at it
                          "convolution_3", "convolution_4",                      // the gate's
                          "+convolution_5", "+convolution_6", "+convolution_7",  // bottleneck, expansion, depthwise
                          "convolution_8"));                                     // the classifier
  EXPECT_EQ(found.chosen(), 6);
  EXPECT_EQ(found.adaptable(), 0) << "normalisation layers";
  for (const char* gate : {"convolution_3", "convolution_4"}) {
    EXPECT_THAT(find(found, gate).note, HasSubstr("pooled features (a gate or a head)")) << gate;
  }
  EXPECT_THAT(find(found, "convolution_8").note, HasSubstr("the classifier"));
  EXPECT_THAT(find(found, "convolution_5").note, HasSubstr("as a folded BatchNorm leaves it"));
  EXPECT_EQ(find(found, "convolution_5").channels, 3);
  EXPECT_EQ(find(found, "convolution_7").channels, 6);
  EXPECT_THAT(found.summary,
              AllOf(HasSubstr("no BatchNorm layer that can be adapted: found 6 convolutions with a bias, as a folded "
                              "BatchNorm leaves it"),
                    HasSubstr("ttscale calibrate MODEL --data CLEAN --out FILE"), HasSubstr("--reference FILE")));
}

TEST(Features, DimensionsOfTheConvolutionDoNotMatter) {
  for (const char* name : {"net.folded", "net1d.folded", "net3d.folded"}) {
    const Inspection found = inspect(load_archive(name));
    EXPECT_THAT(in_short(found), ElementsAre("+convolution_0", "+convolution_1", "features")) << name;
    EXPECT_EQ(found.features[0].channels, 4) << name;
    EXPECT_EQ(found.features[1].channels, 6) << name;
    EXPECT_EQ(found.features[2].channels, 6) << name;
  }
}

TEST(Features, AreDescribedAsSuch) {
  for (const Site& site : inspect(load_archive("blocks.folded")).features) {
    EXPECT_TRUE(site.feature && site.adaptable && site.affine) << site.name;
    EXPECT_EQ(site.kind, "convolution");
    EXPECT_EQ(site.eps, 0);
  }
}

TEST(Features, NetworksBeforeFoldingHaveNone) {
  const Inspection found = inspect(load_archive("mixed"));
  EXPECT_THAT(in_short(found), ElementsAre("stem.0", "conv.0", "features"));
  EXPECT_THAT(find(found, "stem.0").note, HasSubstr("no bias"));
  EXPECT_EQ(find(found, "stem.0").channels, 4) << "known from the weight";
  EXPECT_THAT(find(found, "features").note, HasSubstr("layers before it are better"));
  EXPECT_EQ(found.chosen(), 0);
  EXPECT_THAT(found.summary, Not(HasSubstr("folded")));
}

TEST(Features, ABatchNormThatCouldNotBeFoldedStandsBesideThoseThatWere) {
  const Inspection found = inspect(load_archive("mixed.folded"));
  EXPECT_EQ(found.adaptable(), 1);
  EXPECT_THAT(in_short(found), ElementsAre("+convolution_0", "+convolution_1", "features"));
  EXPECT_THAT(found.summary, AllOf(HasSubstr("1 of 1 normalisation layer can be adapted"),
                                   HasSubstr("so can 2 convolutions with a bias, as a folded BatchNorm leaves it"),
                                   HasSubstr("calibrate")));
}

TEST(Features, WithoutBatchNormTheInputOfTheLastLayerIsLeft) {
  for (const char* name : {"tokens", "tokens.bare", "group-norm"}) {
    const Inspection found = inspect(load_archive(name));
    EXPECT_EQ(found.chosen(), 1) << name;
    const Site site = find(found, "features");
    EXPECT_TRUE(site.chosen && site.feature && site.adaptable) << name;
    EXPECT_EQ(site.kind, "features");
    EXPECT_EQ(site.channels, 6) << name << ": of the last linear layer, not of one before it";
    EXPECT_THAT(site.note, HasSubstr("gains are small")) << name;
    EXPECT_THAT(found.summary, AllOf(HasSubstr("the input of the last layer can be adapted, with small gains"),
                                     HasSubstr("ttscale calibrate")))
        << name;
  }
  EXPECT_THAT(inspect(load_archive("tokens")).summary, HasSubstr("found 1 layer_norm call"));
  EXPECT_THAT(inspect(load_archive("tokens.bare")).summary, HasSubstr("found no normalisation layer"));
  EXPECT_THAT(inspect(load_archive("group-norm")).summary, HasSubstr("found 2 group_norm calls"));
}

TEST(Features, PatchesOfATransformerAreNotChosen) {
  EXPECT_THAT(in_short(inspect(load_archive("tokens"))), ElementsAre("patches", "+features"));
  EXPECT_THAT(find(inspect(load_archive("tokens")), "patches").note, HasSubstr("a normalisation layer follows"));
  EXPECT_THAT(find(inspect(load_archive("tokens.bare")), "patches").note, HasSubstr("makes tokens"));
}

TEST(Features, ConvolutionsAheadOfANormalisationAreNotChosen) {
  const Inspection found = inspect(load_archive("group-norm"));
  EXPECT_THAT(in_short(found), ElementsAre("conv1", "conv2", "+features"));
  for (const char* name : {"conv1", "conv2"}) {
    EXPECT_THAT(find(found, name).note, HasSubstr("a normalisation layer follows")) << name;
  }
}

TEST(Features, AConvolutionInAForkCannotBeReached) {
  const Inspection found = inspect(load_archive("forked-convolution"));
  ASSERT_EQ(found.features.size(), 3U);
  EXPECT_FALSE(found.features[0].adaptable);
  EXPECT_FALSE(found.features[0].chosen);
  EXPECT_THAT(found.features[0].note, HasSubstr("torch.jit.fork"));
  EXPECT_EQ(found.features[1].name, "outer");
  EXPECT_TRUE(found.features[1].chosen);
}

TEST(Features, ConvolutionsInBranchesAndLoopsAreFound) {
  const Inspection found = inspect(load_archive("branches-convolution"));
  EXPECT_THAT(in_short(found), ElementsAre("+large", "+small", "+again", "features"));
  EXPECT_EQ(found.chosen(), 3);
}

TEST(Features, ModelsWithoutWeightsHaveNone) {
  const Inspection found = inspect(load_archive("bare"));
  EXPECT_TRUE(found.features.empty());
  EXPECT_EQ(found.chosen(), 0);
  EXPECT_THAT(found.summary, Not(HasSubstr("calibrate")));
}

TEST(Features, LookingForThemLeavesTheModuleAlone) {
  const auto module = load_archive("blocks.folded");
  const std::string before = module.get_method("forward").graph()->toString();
  inspect(module);
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

}  // namespace
}  // namespace ttscale
