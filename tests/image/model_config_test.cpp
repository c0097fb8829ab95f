// SPDX-License-Identifier: MIT
// Descriptions beside models: where they are looked for, what they may say, how mistakes are named.
#include "image/model_config.h"

#include <gmock/gmock.h>

#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::TempFolder;

ModelConfig read(const std::string& json) {
  const TempFolder folder;
  return read_model_config(folder.write("model.json", json));
}

// The error of reading `json`, without the folder of the file.
std::string refusal(const std::string& json) {
  const std::string message = message_of<DataError>([&json] { read(json); });
  const auto name = message.find("model.json");
  return name == std::string::npos ? message : message.substr(name);
}

TEST(ModelConfig, ReadsEveryKeyAtTopLevel) {
  const ModelConfig config =
      read(R"({"input_size": [1, 28, 32], "mean": [0.5], "std": [0.25], "interpolation": "bicubic",
    "crop_pct": 0.9, "crop_mode": "squash", "num_classes": 2, "classes": ["cat", "dog"], "architecture": "x"})");
  EXPECT_EQ(config.preprocessing.in_chans, 1);
  EXPECT_EQ(*config.preprocessing.img_size, (Size{28, 32}));
  EXPECT_THAT(config.preprocessing.mean, ElementsAre(0.5));
  EXPECT_THAT(config.preprocessing.std, ElementsAre(0.25));
  EXPECT_EQ(config.preprocessing.interpolation, Interpolation::kBicubic);
  EXPECT_EQ(config.preprocessing.crop_pct, 0.9);
  EXPECT_EQ(config.preprocessing.crop_mode, CropMode::kSquash);
  EXPECT_EQ(config.num_classes, 2);
  EXPECT_THAT(config.classes, ElementsAre("cat", "dog"));
}

TEST(ModelConfig, ReadsTimmsPretrainedCfgAndPrefersTheTopLevel) {
  const ModelConfig config = read(R"({"num_classes": 10, "pretrained_cfg": {"num_classes": 1000, "crop_pct": 0.95,
    "input_size": [3, 224, 224], "pool_size": null, "first_conv": "conv1", "mean": null}})");
  EXPECT_EQ(config.num_classes, 10);
  EXPECT_EQ(config.preprocessing.crop_pct, 0.95);
  EXPECT_EQ(*config.preprocessing.img_size, (Size{224, 224}));
  EXPECT_EQ(config.preprocessing.mean.size(), 3U);
}

TEST(ModelConfig, EmptyObjectMeansDefaults) {
  const ModelConfig config = read("{}");
  EXPECT_FALSE(config.preprocessing.img_size.has_value());
  EXPECT_FALSE(config.num_classes.has_value());
  EXPECT_THAT(config.classes, IsEmpty());
}

TEST(ModelConfig, MistakesNameFileKeyExpectedAndFound) {
  EXPECT_EQ(refusal(R"({"input_size": [224, 224]})"),
            "model.json: key 'input_size': expected [channels, height, width], found [224,224]");
  EXPECT_EQ(refusal(R"({"input_size": [3, -1, 224]})"),
            "model.json: key 'input_size': expected [channels, height, width], found [3,-1,224]");
  EXPECT_EQ(refusal(R"({"crop_pct": "0.9"})"), "model.json: key 'crop_pct': expected a number, found \"0.9\"");
  EXPECT_EQ(refusal(R"({"mean": 0.5})"),
            "model.json: key 'mean': expected a list of numbers, one a channel, found 0.5");
  EXPECT_EQ(refusal(R"({"std": ["a"]})"),
            "model.json: key 'std': expected a list of numbers, one a channel, found [\"a\"]");
  EXPECT_EQ(refusal(R"({"interpolation": 2})"), "model.json: key 'interpolation': expected a text, found 2");
  EXPECT_EQ(refusal(R"({"num_classes": 1.5})"),
            "model.json: key 'num_classes': expected a whole number of at least 1, found 1.5");
  EXPECT_EQ(refusal(R"({"pretrained_cfg": "resnet"})"),
            "model.json: key 'pretrained_cfg': expected an object, found \"resnet\"");
}

TEST(ModelConfig, WrongValuesNameFileAndKey) {
  EXPECT_EQ(refusal(R"({"interpolation": "lanczos"})"),
            "model.json: interpolation: expected nearest, bilinear, bicubic or box, found 'lanczos'");
  EXPECT_EQ(refusal(R"({"crop_mode": "centre"})"),
            "model.json: crop_mode: expected center, squash or border, found 'centre'");
  EXPECT_EQ(refusal(R"({"crop_pct": 7})"), "model.json: crop_pct: expected 0.01 to 1, found 7.0");
  EXPECT_THAT(refusal(R"({"input_size": [1, 28, 28]})"), HasSubstr("model.json: mean: expected 1 value"));
}

TEST(ModelConfig, ClassNamesMustBeDistinctAndAsManyAsOutputs) {
  EXPECT_THAT(refusal(R"({"classes": ["a", 1]})"), HasSubstr("key 'classes': expected a list of folder names"));
  EXPECT_THAT(refusal(R"({"classes": ["a", "a"]})"), HasSubstr("expected different names"));
  EXPECT_EQ(refusal(R"({"classes": ["a", "b"], "num_classes": 3})"),
            "model.json: key 'num_classes': expected 2 (the length of 'classes'), found 3");
  std::string many = R"({"classes": [)";
  for (int i = 0; i < 1000; ++i) {
    many += "\"name\",";
  }
  EXPECT_LT(refusal(many + "\"x\"]}").size(), 250U);
}

TEST(ModelConfig, OtherFilesAreRefused) {
  EXPECT_THAT(refusal("not json"), HasSubstr("expected JSON, found something else"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("expected a JSON object, found array"));
  EXPECT_THAT(message_of<DataError>([] { read_model_config("no/such.json"); }),
              HasSubstr("found none at no/such.json"));
}

TEST(ModelConfig, WhatTheFileHoldsCannotStretchTheMessage) {
  EXPECT_THAT(refusal(R"({"crop_mode": "a\nb"})"), HasSubstr("found 'a\\nb'"));
  EXPECT_LT(refusal("{\"crop_mode\": \"" + std::string(100'000, 'x') + "\"}").size(), 500U);
  std::string many = "1";
  for (int i = 0; i < 10'000; ++i) {
    many += ",1";
  }
  EXPECT_LT(refusal("{\"mean\": [" + many + "]}").size(), 500U);
  EXPECT_THAT(refusal("{\"mean\": " + std::string(1'000'000, '[')), HasSubstr("at most 64 levels"));
}

TEST(ModelConfig, IsFoundBesideTheModel) {
  const TempFolder folder;
  const auto model = folder.write("net-0.25.scripted.pt", "");
  EXPECT_FALSE(find_model_config(model).has_value());
  folder.write("model.json", "{}");
  EXPECT_THAT(find_model_config(model)->file.string(), EndsWith("/model.json"));
  folder.write("net-0.25.json", "{}");
  EXPECT_THAT(find_model_config(model)->file.string(), EndsWith("/net-0.25.json"));
  folder.write("net-0.25.scripted.json", "{}");
  EXPECT_THAT(find_model_config(model)->file.string(), EndsWith("/net-0.25.scripted.json"));
}

TEST(ModelConfig, ADescriptionThatIsFoundMustBeSound) {
  const TempFolder folder;
  folder.write("net.json", "{");
  EXPECT_THAT(message_of<DataError>([&] { find_model_config(folder / "net.traced.pt"); }), HasSubstr("net.json"));
}

}  // namespace
}  // namespace ttscale::image
