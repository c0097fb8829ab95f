// SPDX-License-Identifier: MIT
// Images and label maps in trees of their own: one folder of labels a domain, or one for all.
#include <gmock/gmock.h>

#include "data/segmentation_tree.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

class LabelFolder : public ::testing::Test {
 protected:
  void fill(const std::vector<std::string>& files) const {
    for (const auto& file : files) {
      folder.write(file, "x");
    }
  }

  /// "domain: image labels", paths below the folder.
  [[nodiscard]] std::vector<std::string> pairs(const std::string& images = "images") const {
    std::vector<std::string> lines;
    for (const auto& domain : discover_segmentation(folder / images, folder / "labels").domains) {
      for (const auto& sample : domain.samples) {
        lines.push_back(domain.name + ": " + sample.image.lexically_relative(folder.path()).string() + " " +
                        sample.labels.lexically_relative(folder.path()).string());
      }
    }
    return lines;
  }

  [[nodiscard]] std::string refusal(const std::string& images = "images") const {
    const std::string message = message_of<DataError>([&] { (void)pairs(images); });
    EXPECT_THAT(message, ::testing::Not(HasSubstr("\n")));
    return message;
  }

  TempFolder folder;
};

TEST_F(LabelFolder, OneFolderOfImagesIsOneDomain) {
  fill({"images/b.jpg", "images/a/1.png", "labels/b.png", "labels/a/1.png", "labels/b_color.png"});
  EXPECT_THAT(pairs(), ElementsAre("images: images/b.jpg labels/b.png", "images: images/a/1.png labels/a/1.png"));
}

TEST_F(LabelFolder, ShiftedCopiesShareTheirLabels) {
  fill({"images/fog/3/1.png", "images/fog/10/1.png", "images/clean/1.jpg", "labels/1.png"});
  EXPECT_THAT(pairs(), ElementsAre("clean: images/clean/1.jpg labels/1.png", "fog/3: images/fog/3/1.png labels/1.png",
                                   "fog/10: images/fog/10/1.png labels/1.png"));
}

TEST_F(LabelFolder, DomainsMayHaveLabelsOfTheirOwn) {
  fill({"images/day/1.png", "images/night/1.png", "labels/day/1.png", "labels/night/1.png"});
  EXPECT_THAT(pairs(),
              ElementsAre("day: images/day/1.png labels/day/1.png", "night: images/night/1.png labels/night/1.png"));
}

TEST_F(LabelFolder, MissingLabelsAreNamed) {
  fill({"images/day/1.png", "images/day/2.png", "labels/day/1.png"});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("expected labels for"), HasSubstr("images/day/2.png"), HasSubstr("found no"),
                               HasSubstr("labels/day/2.png")));
}

TEST_F(LabelFolder, LabelsInsideTheImagesAreRefused) {
  fill({"images/1.png", "labels/1.png"});
  EXPECT_THAT(refusal("."), HasSubstr("expected them outside of the folder of the images"));
  EXPECT_THAT(refusal("labels"), HasSubstr("expected them outside of the folder of the images"));
}

TEST_F(LabelFolder, WhatIsNotThereIsNamed) {
  fill({"images/readme.txt", "some/1.png"});
  EXPECT_THAT(refusal("some"), AllOf(HasSubstr("expected a folder of label PNGs"), HasSubstr("labels")));
  fill({"labels/1.png"});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("expected images"), HasSubstr("images")));
  EXPECT_THAT(refusal("nowhere"), HasSubstr("nowhere"));
}

TEST_F(LabelFolder, TwoImagesForOnePngAreRefused) {
  fill({"images/1.png", "images/1.jpg", "labels/1.png"});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("images/1.jpg"), HasSubstr("images/1.png")));
}

}  // namespace
}  // namespace ttscale::data
