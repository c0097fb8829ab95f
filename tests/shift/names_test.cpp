// SPDX-License-Identifier: MIT
// Names of shifts and the seeds of images.
#include <gmock/gmock.h>

#include <set>

#include "shift/shift.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ttscale::testing::message_of;

std::vector<std::string> domains(const std::string& text) {
  std::vector<std::string> result;
  for (const Shift& shift : parse_shifts(text)) {
    result.push_back(shift.domain());
  }
  return result;
}

std::string refusal(const std::string& text) {
  return message_of<UsageError>([&text] { parse_shifts(text); });
}

TEST(Names, GroupsHoldTheKindsOfTheBenchmarks) {
  EXPECT_THAT(parse_shifts("imagenet-c:5"), SizeIs(15));
  EXPECT_THAT(domains("extra:2"), ElementsAre("speckle_noise/2", "gaussian_blur/2", "spatter/2", "saturate/2"));
  EXPECT_THAT(parse_shifts("all"), SizeIs(19 * 5));
  EXPECT_THAT(parse_shifts("real"), SizeIs(8 * 5));
  EXPECT_THAT(kinds(), SizeIs(27));
}

TEST(Names, KindsAndSeveritiesKeepTheirOrderAndAppearOnce) {
  EXPECT_THAT(domains("fog:5,3;brightness:1 fog:3,2"), ElementsAre("fog/5", "fog/3", "brightness/1", "fog/2"));
  EXPECT_THAT(domains("fog"), ElementsAre("fog/1", "fog/2", "fog/3", "fog/4", "fog/5"));
  EXPECT_EQ(combine_shifts({"fog", "snow"}, {4, 4}), (std::vector<Shift>{{"fog", 4}, {"snow", 4}}));
}

TEST(Names, WhatIsWrongIsSaidWithWhatIsValid) {
  EXPECT_THAT(refusal("mist"), AllOf(HasSubstr("'mist'"), HasSubstr("imagenet-c, extra, all, real"),
                                     HasSubstr("gaussian_noise, shot_noise"), HasSubstr("letterbox")));
  EXPECT_THAT(refusal(""), HasSubstr("gaussian_noise:3,5"));
  EXPECT_THAT(refusal("fog:"), HasSubstr("after ':', found nothing"));
  EXPECT_THAT(refusal("fog:3,"), HasSubstr("after ',', found nothing"));
  EXPECT_THAT(refusal("fog:6"), AllOf(HasSubstr("1 to 5"), HasSubstr("'6'")));
  EXPECT_THAT(refusal("fog:3x"), HasSubstr("'3x'"));
  EXPECT_THAT(message_of<UsageError>([] { combine_shifts({"fog"}, {0}); }), HasSubstr("found 0"));
}

TEST(Names, ParametersAreReadAndWritten) {
  for (const char* name : {"imagenet", "cifar"}) {
    EXPECT_EQ(to_string(parse_parameters(name)), name);
  }
  EXPECT_EQ(message_of<UsageError>([] { parse_parameters("tiny"); }),
            "parameters: expected imagenet or cifar, found 'tiny'");
}

TEST(Seeds, DependOnEverythingThatTellsImagesApart) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {0U, 1U}) {
    for (const char* kind : {"fog", "snow"}) {
      for (const int severity : {1, 2}) {
        for (const char* path : {"a/1.png", "a/2.png", "b/1.png", ""}) {
          seen.insert(image_seed(seed, {kind, severity}, path));
        }
      }
    }
  }
  EXPECT_THAT(seen, SizeIs(2 * 2 * 2 * 4));
}

TEST(Seeds, AreTheSameEverywhere) { EXPECT_EQ(image_seed(0, {"fog", 3}, "a/1.png"), 4566385566710939168U); }

}  // namespace
}  // namespace ttscale::shift
