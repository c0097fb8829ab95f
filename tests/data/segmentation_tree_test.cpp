// SPDX-License-Identifier: MIT
// Pairs of images and label maps, and every way in which they can fail to be pairs.
#include "data/segmentation_tree.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "image/golden.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

void fill(const TempFolder& folder, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    folder.write(file, "x");
  }
}

// "domain: image labels", paths below the root.
std::vector<std::string> pairs(const SegmentationTree& tree) {
  std::vector<std::string> lines;
  for (const auto& domain : tree.domains) {
    for (const auto& sample : domain.samples) {
      lines.push_back(domain.name + ": " + sample.image.lexically_relative(tree.root).string() + " " +
                      sample.labels.lexically_relative(tree.root).string());
    }
  }
  return lines;
}

std::string refusal(const TempFolder& folder) {
  const std::string message = message_of<DataError>([&] { discover_segmentation(folder.path()); });
  EXPECT_THAT(message, ::testing::Not(HasSubstr("\n")));
  return message;
}

TEST(SegmentationTree, TheRootCanBeTheOnlyDomain) {
  const TempFolder folder;
  fill(folder, {"d/images/b.jpg", "d/images/a/1.png", "d/labels/b.png", "d/labels/a/1.png", "d/depth/1.png"});
  const SegmentationTree tree = discover_segmentation(folder / "d");
  EXPECT_THAT(pairs(tree), ElementsAre("d: images/b.jpg labels/b.png", "d: images/a/1.png labels/a/1.png"));
  EXPECT_THAT(tree.summary(), AllOf(HasSubstr("1 domain, 2 images"), HasSubstr("  d: 2 images")));
}

TEST(SegmentationTree, LevelsAreNamesInNaturalOrder) {
  const TempFolder folder;
  fill(folder, {"fog/10/images/1.png", "fog/10/labels/1.png", "fog/2/images/1.png", "fog/2/labels/1.png",
                "clean/images/1.JPG", "clean/labels/1.png", "clean/labels/notes.txt", ".git/x/1.png"});
  EXPECT_THAT(
      pairs(discover_segmentation(folder.path())),
      ElementsAre("clean: clean/images/1.JPG clean/labels/1.png", "fog/2: fog/2/images/1.png fog/2/labels/1.png",
                  "fog/10: fog/10/images/1.png fog/10/labels/1.png"));
}

TEST(SegmentationTree, DotsInNamesAreKept) {
  const TempFolder folder;
  fill(folder, {"images/frame.0001.png", "images/frame.0002.png", "labels/frame.0001.png", "labels/frame.0002.png"});
  EXPECT_EQ(discover_segmentation(folder.path()).domains[0].samples[1].labels, folder / "labels/frame.0002.png");
}

TEST(SegmentationTree, MissingPartnersAreNamed) {
  const TempFolder no_labels;
  fill(no_labels, {"images/1.png", "images/2.png", "labels/1.png"});
  EXPECT_THAT(refusal(no_labels), AllOf(HasSubstr("expected labels for"), HasSubstr("images/2.png"),
                                        HasSubstr("found no"), HasSubstr("labels/2.png")));
  const TempFolder no_image;
  fill(no_image, {"images/1.png", "labels/1.png", "labels/2.png"});
  EXPECT_THAT(refusal(no_image), AllOf(HasSubstr("expected an image for"), HasSubstr("labels/2.png")));
}

TEST(SegmentationTree, TwoImagesForOneLabelAreRefused) {
  const TempFolder folder;
  fill(folder, {"images/1.png", "images/1.jpg", "labels/1.png"});
  EXPECT_THAT(refusal(folder), AllOf(HasSubstr("images/1.jpg"), HasSubstr("images/1.png")));
}

TEST(SegmentationTree, LabelsOfOtherFormatsAreRefused) {
  const TempFolder folder;
  fill(folder, {"images/1.png", "labels/1.jpg"});
  EXPECT_THAT(refusal(folder), AllOf(HasSubstr("expected labels as .png"), HasSubstr("labels/1.jpg")));
}

TEST(SegmentationTree, FoldersThatAreNoDomainsAreRefused) {
  const TempFolder no_labels;
  fill(no_labels, {"fog/images/1.png"});
  EXPECT_THAT(refusal(no_labels), AllOf(HasSubstr("'labels' beside 'images'"), HasSubstr("fog")));
  const TempFolder no_images;
  fill(no_images, {"images/readme.txt", "labels/1.png"});
  EXPECT_THAT(refusal(no_images), HasSubstr("expected images (.jpg"));
  const TempFolder nothing;
  fill(nothing, {"fog/images/1.png", "fog/labels/1.png", "snow/1.png"});
  EXPECT_THAT(refusal(nothing), AllOf(HasSubstr("found none in"), HasSubstr("snow")));
  EXPECT_THAT(message_of<DataError>([] { discover_segmentation("no/such"); }), HasSubstr("no/such"));
}

SegmentationSample sample(const std::string& labels) {
  return {"images/1.png", testing::golden_dir() / "labels" / labels};
}

TEST(ReadLabels, GivesTheStoredValues) {
  const at::Tensor labels = read_labels(sample("palette4.png"), 9, 13, 16, 255);
  EXPECT_EQ(labels.scalar_type(), at::kLong);
  EXPECT_EQ(labels[0][1].item<std::int64_t>(), 13);
  EXPECT_NO_THROW(read_labels(sample("palette1.png"), 9, 13, 1, 1));  // 1 is the ignored label
}

TEST(ReadLabels, NamesFileAndValueThatIsNoClass) {
  EXPECT_THAT(message_of<DataError>([] { read_labels(sample("palette4.png"), 9, 13, 12, 15); }),
              AllOf(HasSubstr("expected classes 0 to 11 or the ignored label 15, found 13 at row 0, column 1"),
                    HasSubstr("palette4.png")));
}

TEST(ReadLabels, NamesBothSizesThatDiffer) {
  EXPECT_THAT(message_of<DataError>([] { read_labels(sample("gray8.png"), 13, 9, 256, 255); }),
              AllOf(HasSubstr("the size of the image (13x9, images/1.png), found 9x13"), HasSubstr("gray8.png")));
}

}  // namespace
}  // namespace ttscale::data
