// SPDX-License-Identifier: MIT
// What tells models apart, and what matches a folded model with the one before folding.
#include "graph/twin.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

#include "archives.h"
#include "graph/fingerprint.h"
#include "graph/rewrite.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;

std::vector<std::string> names(const std::vector<ReferenceSite>& sites) {
  std::vector<std::string> out;
  for (const ReferenceSite& site : sites) {
    out.push_back(site.name);
  }
  return out;
}

/// The submodule at a path of names.
torch::jit::Module at_path(torch::jit::Module module, const std::vector<std::string>& path) {
  for (const std::string& name : path) {
    module = module.attr(name).toModule();
  }
  return module;
}

std::string model_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const ModelError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(Fingerprint, IsTheSameForEveryLoadOfAFile) {
  for (const char* name : {"net.scripted", "net.frozen", "net.folded", "blocks.folded", "tokens", "mkldnn"}) {
    EXPECT_EQ(fingerprint(load_archive(name)), fingerprint(load_archive(name))) << name;
  }
}

TEST(Fingerprint, TellsModelsApart) {
  std::vector<std::string> seen;
  for (const char* name : {"net.scripted", "net.frozen", "net.folded", "net.plain", "mixed", "mixed.folded", "tokens",
                           "tokens.bare", "blocks.frozen", "blocks.folded"}) {
    seen.push_back(fingerprint(load_archive(name)));
    EXPECT_EQ(seen.back().size(), 16U) << "hexadecimal";
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST(Fingerprint, SeesOneChangedNumber) {
  const auto module = load_archive("net.scripted");
  const std::string before = fingerprint(module);
  at::Tensor weight = at_path(module, {"conv2"}).attr("weight").toTensor();
  const at::NoGradGuard no_grad;
  weight[0][0][0][0].add_(1e-3);
  EXPECT_NE(fingerprint(module), before);
}

TEST(Fingerprint, OfARewrittenModelIsThatOfTheModel) {
  for (const char* name : {"net.scripted", "net.frozen", "mixed.folded", "branches"}) {
    EXPECT_EQ(Program(load_archive(name), {}).fingerprint(), fingerprint(load_archive(name))) << name;
  }
  // With operators at feature sites as well.
  AdaptOptions options;
  options.reference.emplace();
  options.reference->sites = match_twin(load_archive("blocks.folded"), load_archive("blocks.frozen")).sites;
  EXPECT_EQ(Program(load_archive("blocks.folded"), options).fingerprint(), fingerprint(load_archive("blocks.folded")));
}

TEST(Fingerprint, OfAModuleWithoutForwardIsAModelError) {
  EXPECT_THAT(model_error([] { fingerprint(load_archive("no-forward")); }), HasSubstr("no forward method"));
}

TEST(Fingerprint, OfTensorsSeesTheirOrderTypeAndShape) {
  const at::Tensor a = at::arange(6, at::kDouble);
  const at::Tensor b = at::ones({6}, at::kDouble);
  EXPECT_EQ(fingerprint(std::vector<at::Tensor>{a, b}), fingerprint(std::vector<at::Tensor>{a.clone(), b.clone()}));
  EXPECT_NE(fingerprint(std::vector<at::Tensor>{a, b}), fingerprint(std::vector<at::Tensor>{b, a}));
  EXPECT_NE(fingerprint(std::vector<at::Tensor>{a}), fingerprint(std::vector<at::Tensor>{a.view({2, 3})}));
  EXPECT_NE(fingerprint(std::vector<at::Tensor>{at::zeros({2}, at::kFloat)}),
            fingerprint(std::vector<at::Tensor>{at::zeros({1}, at::kDouble)}));
}

TEST(Twin, GivesTheMomentsThatBatchNormHadOnTheTrainingData) {
  const auto twin = load_archive("net.scripted");
  const TwinMatch match = match_twin(load_archive("net.folded"), twin);
  ASSERT_THAT(names(match.sites), ElementsAre("convolution_0", "convolution_1"));
  EXPECT_EQ(match.unmatched, 0);
  const auto norms = {std::pair{at_path(twin, {"stem", "1"}), 1e-5}, std::pair{at_path(twin, {"bn2"}), 1e-3}};
  std::size_t i = 0;
  for (const auto& [norm, eps] : norms) {
    const auto number = [&norm = norm](const char* name) { return norm.attr(name).toTensor().to(at::kDouble); };
    const at::Tensor var = number("running_var");
    const at::Tensor a2 = number("weight").square() / (var + eps);
    const ReferenceSite& site = match.sites[i++];
    EXPECT_TRUE(site.mean.equal(number("bias"))) << site.name;
    EXPECT_TRUE(site.var.allclose(a2 * var, 1e-12, 0)) << site.name;
    EXPECT_TRUE(site.eps.allclose(a2 * eps, 1e-12, 0)) << site.name;
    EXPECT_EQ(site.uncertainty, 0);
  }
}

TEST(Twin, MatchesEveryChosenConvolutionAndNoOther) {
  const TwinMatch match = match_twin(load_archive("blocks.folded"), load_archive("blocks.frozen"));
  EXPECT_THAT(names(match.sites), ElementsAre("convolution_0", "convolution_1", "convolution_2", "convolution_5",
                                              "convolution_6", "convolution_7"));
  EXPECT_EQ(match.unmatched, 0);
}

TEST(Twin, MatchesInOneAndThreeDimensionsAndBesideABatchNormThatStayed) {
  for (const char* name : {"net1d", "net3d", "mixed"}) {
    const TwinMatch match = match_twin(load_archive(std::string(name) + ".folded"), load_archive(name));
    EXPECT_THAT(names(match.sites), ElementsAre("convolution_0", "convolution_1")) << name;
    EXPECT_EQ(match.unmatched, 0) << name;
  }
}

TEST(Twin, AnotherTrainingOfOneLayerLeavesItUnmatched) {
  const auto twin = load_archive("net.scripted");
  {
    const at::NoGradGuard no_grad;
    at_path(twin, {"bn2"}).attr("weight").toTensor().mul_(1.5);
  }
  const TwinMatch match = match_twin(load_archive("net.folded"), twin);
  EXPECT_THAT(names(match.sites), ElementsAre("convolution_0"));
  EXPECT_EQ(match.unmatched, 1);
}

TEST(Twin, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(model_error([] { match_twin(load_archive("net.folded"), load_archive("net.folded")); }),
              AllOf(HasSubstr("the twin has no BatchNorm behind a convolution"), HasSubstr("before freeze")));
  EXPECT_THAT(model_error([] { match_twin(load_archive("net.folded"), load_archive("net.plain")); }),
              AllOf(HasSubstr("2 pairs compared"), HasSubstr("calibrate on images instead")));
  EXPECT_THAT(model_error([] { match_twin(load_archive("tokens"), load_archive("net.scripted")); }),
              HasSubstr("no convolution of the model is one of the twin"));
}

}  // namespace
}  // namespace ttscale::graph
