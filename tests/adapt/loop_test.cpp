// SPDX-License-Identifier: MIT
// A folded convolution in a loop is what its BatchNorm in the loop was: each pass a batch, one state for all of them.
#include <gmock/gmock.h>

#include "adapt/calibrated.h"
#include "ttscale/bake.h"
#include "ttscale/inspect.h"

namespace ttscale {
namespace {

using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::names_of;
using testing::run;
using testing::with;

constexpr const char* kNote = "in a loop: its passes share one state";

/// The convolution of repeated.folded that runs three times.
constexpr const char* kSite = "convolution_1";

Reference of_the_loop() { return reference_from_twin(load_archive("repeated.folded"), load_archive("repeated")); }

TEST(Loop, SitesSayThatTheyAreInOne) {
  for (const Site& site : inspect(load_archive("repeated.folded")).features) {
    EXPECT_EQ(site.note.find(kNote) != std::string::npos, site.name == kSite) << site.name << ": " << site.note;
  }
}

TEST(Loop, BatchIsBatchNormInTrainingModeInEachPass) {
  const at::Tensor x = golden("repeated", "input");
  Stream stream = adapt(load_archive("repeated.folded"), with("batch", of_the_loop())).stream();
  EXPECT_TRUE(stream.forward(x).allclose(golden("repeated", "batch"), 1e-4, 1e-5));
  Stream unfolded = adapt(load_archive("repeated"), with("batch")).stream();
  EXPECT_TRUE(unfolded.forward(x).allclose(golden("repeated", "batch"), 1e-4, 1e-5));
}

TEST(Loop, EveryRuleGivesWhatItGivesForTheBatchNormInTheLoop) {
  torch::manual_seed(4);
  const at::Tensor x = golden("repeated", "input");
  for (const char* rule : {"ema", "ema:order=use-update", "cumulative", "dua", "prior", "alpha", "iabn", "rbn", "tbr",
                           "adamixbn", "medbn", "mixnorm", "tema", "rotta:slots=8,momentum=0.9"}) {
    Stream folded = adapt(load_archive("repeated.folded"), with(rule, of_the_loop())).stream();
    Stream unfolded = adapt(load_archive("repeated"), with(rule)).stream();
    for (int batch = 0; batch < 3; ++batch) {
      const at::Tensor images = x * 1.4 + at::randn_like(x);
      EXPECT_TRUE(folded.forward(images).allclose(unfolded.forward(images), 1e-4, 1e-5)) << rule << ' ' << batch;
    }
  }
}

TEST(Loop, BakedFixesOneStateForAllPasses) {
  const at::Tensor x = golden("repeated", "input");
  Stream stream = adapt(load_archive("repeated.folded"), with("ema", of_the_loop())).stream();
  stream.forward(x * 1.5 + 0.3);
  const auto baked = bake(stream);
  Stream unfolded = adapt(load_archive("repeated"), with("ema")).stream();
  unfolded.forward(x * 1.5 + 0.3);
  EXPECT_TRUE(run(baked, x).allclose(run(bake(unfolded), x), 1e-4, 1e-5));
}

TEST(Loop, UnrolledByFreezingEveryPassHasTheReferenceOfTheOneBatchNorm) {
  const auto module = load_archive("unrolled.folded");
  const Reference reference = reference_from_twin(module, load_archive("repeated"));
  EXPECT_THAT(names_of(reference), ElementsAre("convolution_1", "convolution_2", "convolution_3"));
  const at::Tensor x = golden("repeated", "input");
  Stream stream = adapt(module, with("batch", reference)).stream();
  EXPECT_TRUE(stream.forward(x).allclose(golden("repeated", "batch"), 1e-4, 1e-5));
}

}  // namespace
}  // namespace ttscale
