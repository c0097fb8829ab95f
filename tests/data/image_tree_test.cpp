// SPDX-License-Identifier: MIT
// Layouts of image folders, labels, and every way in which a tree can be wrong.
#include "data/image_tree.h"

#include <gmock/gmock.h>

#include "paths.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

void fill(const TempFolder& folder, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    folder.write(file, "x");
  }
}

std::vector<std::string> domain_names(const ImageTree& tree) {
  std::vector<std::string> names;
  for (const auto& domain : tree.domains) {
    names.push_back(domain.name);
  }
  return names;
}

// "label path-below-root" of each sample.
std::vector<std::string> samples(const Domain& domain, const fs::path& root) {
  std::vector<std::string> lines;
  for (const auto& sample : domain.samples) {
    lines.push_back(std::to_string(sample.label) + " " + sample.path.lexically_relative(root).string());
  }
  return lines;
}

TreeOptions named(std::vector<std::string> classes) {
  TreeOptions options;
  options.classes = std::move(classes);
  options.classes_file = "map.txt";
  return options;
}

std::string refusal(const fs::path& root, const TreeOptions& options = {}) {
  const std::string message = message_of<DataError>([&] { discover(root, options); });
  EXPECT_THAT(message, ::testing::Not(HasSubstr("\n")));
  return message;
}

TEST(ImageTree, PlainImageFolderFollowsTorchvision) {
  const TempFolder folder;
  fill(folder, {"data/b/2.png", "data/b/10.PNG", "data/b/notes.txt", "data/a/z/1.jpeg", "data/a/z.jpg",
                "data/a/y/3.WebP", "data/C/1.ppm", "data/readme.txt", "data/.git/x.png"});
  const ImageTree tree = discover(folder / "data");
  EXPECT_THAT(tree.classes, ElementsAre("C", "a", "b"));
  ASSERT_THAT(domain_names(tree), ElementsAre("data"));
  EXPECT_THAT(samples(tree.domains[0], folder / "data"),
              ElementsAre("0 C/1.ppm", "1 a/z.jpg", "1 a/y/3.WebP", "1 a/z/1.jpeg", "2 b/10.PNG", "2 b/2.png"));
  EXPECT_THAT(tree.domains[0].classes, ElementsAre("C", "a", "b"));
}

TEST(ImageTree, PathsKeepTheRootAsGiven) {
  const TempFolder folder;
  fill(folder, {"d/a/1.png"});
  const fs::path root = fs::relative(folder / "d") / "";
  const ImageTree tree = discover(root);
  EXPECT_EQ(tree.domains[0].name, "d");
  EXPECT_EQ(tree.domains[0].samples[0].path, root / "a" / "1.png");
  EXPECT_TRUE(fs::exists(tree.domains[0].samples[0].path));
}

TEST(ImageTree, KindsOfOneLevelAreDomains) {
  const TempFolder folder;
  fill(folder, {"fog/a/1.png", "fog/b/1.png", "snow/a/1.png", "snow/b/1.png"});
  const ImageTree tree = discover(folder.path());
  EXPECT_THAT(domain_names(tree), ElementsAre("fog", "snow"));
  EXPECT_THAT(tree.classes, ElementsAre("a", "b"));
}

TEST(ImageTree, KindsAndSeveritiesAreDomainsInNaturalOrder) {
  const TempFolder folder;
  fill(folder, {"fog/10/a/1.png", "fog/2/a/1.png", "blur/5/a/1.png"});
  EXPECT_THAT(domain_names(discover(folder.path())), ElementsAre("blur/5", "fog/2", "fog/10"));
}

TEST(ImageTree, MixedAndGroupedTreesKeepTheirPaths) {
  const TempFolder folder;
  fill(folder, {"clean/a/1.png", "shifted/fog/3/a/1.png", "shifted/fog/5/a/1.png", "noise/gaussian_noise/5/a/1.png"});
  EXPECT_THAT(domain_names(discover(folder.path())),
              ElementsAre("clean", "noise/gaussian_noise/5", "shifted/fog/3", "shifted/fog/5"));
}

TEST(ImageTree, GivenNamesDecideLabelsAndAllowMissingClasses) {
  const TempFolder folder;
  fill(folder, {"fog/a/1.png", "fog/b/1.png", "snow/b/1.png"});
  const ImageTree tree = discover(folder.path(), named({"z", "b", "a"}));
  EXPECT_THAT(samples(tree.domains[0], folder.path()), ElementsAre("1 fog/b/1.png", "2 fog/a/1.png"));
  EXPECT_THAT(samples(tree.domains[1], folder.path()), ElementsAre("1 snow/b/1.png"));
  EXPECT_THAT(tree.classes, ElementsAre("z", "b", "a"));
}

TEST(ImageTree, GivenNamesTellNestedClassesFromKinds) {
  const TempFolder folder;
  fill(folder, {"cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/test/1.png"});
  EXPECT_EQ(discover(folder.path()).domains.size(), 2U);
  const ImageTree tree = discover(folder.path(), named({"cat", "dog"}));
  ASSERT_EQ(tree.domains.size(), 1U);
  EXPECT_THAT(samples(tree.domains[0], folder.path()),
              ElementsAre("0 cat/test/1.png", "0 cat/train/1.png", "1 dog/test/1.png", "1 dog/train/1.png"));
}

TEST(ImageTree, LayoutClassesReadsOneDomain) {
  const TempFolder folder;
  fill(folder, {"cat/train/1.png", "dog/poodle/1.png"});
  TreeOptions options;
  options.layout = Layout::kClasses;
  EXPECT_THAT(discover(folder.path(), options).classes, ElementsAre("cat", "dog"));
}

TEST(ImageTree, ClassOrderIsLexicalNaturalOrNumeric) {
  const TempFolder folder;
  fill(folder, {"2/1.png", "10/1.png", "1/1.png"});
  TreeOptions options;
  EXPECT_THAT(discover(folder.path(), options).classes, ElementsAre("1", "10", "2"));
  options.class_order = ClassOrder::kNatural;
  EXPECT_THAT(discover(folder.path(), options).classes, ElementsAre("1", "2", "10"));
  options.class_order = ClassOrder::kNumeric;
  EXPECT_THAT(discover(folder.path(), options).classes, ElementsAre("1", "2", "10"));
}

TEST(ImageTree, NaturalOrderIgnoresCaseAndReadsNumbers) {
  const TempFolder folder;
  fill(folder, {"b/1.png", "A2x/1.png", "a10/1.png", "a2/1.png", "C/1.png", "a02/1.png"});
  TreeOptions options;
  options.class_order = ClassOrder::kNatural;
  EXPECT_THAT(discover(folder.path(), options).classes, ElementsAre("a02", "a2", "A2x", "a10", "b", "C"));
}

TEST(ImageTree, NumericOrderNeedsNumbers) {
  const TempFolder folder;
  fill(folder, {"1/1.png", "x/1.png"});
  TreeOptions options;
  options.class_order = ClassOrder::kNumeric;
  EXPECT_THAT(refusal(folder.path(), options), HasSubstr("found 'x'; use lexical or natural"));
}

TEST(ImageTree, ClassOrderNamesAreRead) {
  EXPECT_EQ(parse_class_order("natural"), ClassOrder::kNatural);
  EXPECT_EQ(parse_class_order("lexical"), ClassOrder::kLexical);
  EXPECT_EQ(parse_class_order("numeric"), ClassOrder::kNumeric);
  EXPECT_EQ(message_of<UsageError>([] { parse_class_order("x"); }),
            "class_order: expected lexical, natural or numeric, found 'x'");
}

TEST(ImageTree, LinksAreFollowedButNotInCircles) {
  const TempFolder folder;
  fill(folder, {"real/1.png", "data/a/1.png", "data/b/2.png"});
  fs::create_directory_symlink(folder / "real", folder / "data/c");
  fs::create_directory_symlink(folder / "data", folder / "data/a/back");
  fs::create_directory_symlink(folder / "data/b", folder / "data/a/to_b");
  fs::create_directory_symlink(folder / "data/a", folder / "data/b/to_a");
  const ImageTree tree = discover(folder / "data");
  EXPECT_THAT(samples(tree.domains[0], folder / "data"),
              ElementsAre("0 a/1.png", "0 a/to_b/2.png", "1 b/2.png", "1 b/to_a/1.png", "2 c/1.png"));
}

TEST(ImageTree, MissingRootAndFileAreRefused) {
  const TempFolder folder;
  EXPECT_THAT(refusal("no/such"), HasSubstr("expected a folder, found nothing at no/such"));
  EXPECT_THAT(refusal(folder.write("a.png", "x")), AllOf(HasSubstr("found a file"), HasSubstr("a.png")));
}

TEST(ImageTree, EmptyFolderIsRefused) {
  const TempFolder folder;
  EXPECT_THAT(refusal(folder.path()), AllOf(HasSubstr("found none in " + folder.path().string()), HasSubstr(".webp")));
  folder.write("notes.txt", "x");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("found none in "));
}

TEST(ImageTree, ImagesOutsideClassFoldersAreRefused) {
  const TempFolder folder;
  folder.write("a.png", "x");
  EXPECT_THAT(refusal(folder.path()), AllOf(HasSubstr("images (a.png) and no class folders in"),
                                            HasSubstr("put each image into a folder with the name of its class")));
}

TEST(ImageTree, ClassFolderWithoutImagesIsNamed) {
  const TempFolder folder;
  fill(folder, {"fog/a/1.png", "fog/b/notes.txt"});
  EXPECT_THAT(refusal(folder.path()),
              AllOf(HasSubstr("expected images (.jpg .jpeg .png"), HasSubstr("class folder 'b'"), EndsWith("fill it")));
}

TEST(ImageTree, KindWithoutClassFoldersIsNamed) {
  const TempFolder folder;
  fill(folder, {"fog/3/a/1.png", "snow/3/notes.txt"});
  EXPECT_THAT(refusal(folder.path()), EndsWith("found none in " + (folder / "snow/3").string()));
}

TEST(ImageTree, FolderThatIsNoKnownClassIsNamed) {
  const TempFolder folder;
  fill(folder, {"fog/a/1.png", "fog/c/1.png"});
  EXPECT_THAT(refusal(folder.path(), named({"a", "b"})),
              AllOf(HasSubstr("named in map.txt (2 classes)"), HasSubstr("found folder 'c' in ")));
}

TEST(ImageTree, DomainsWithDifferentClassesNeedNames) {
  const TempFolder folder;
  fill(folder, {"fog/a/1.png", "fog/b/1.png", "snow/a/1.png"});
  EXPECT_THAT(refusal(folder.path()), AllOf(HasSubstr("found no 'b' in domain 'snow' (1 of 2 classes)"),
                                            HasSubstr("give the names with --class-map")));
}

TEST(ImageTree, ClassCountMustBeThatOfTheModel) {
  const TempFolder folder;
  fill(folder, {"a/1.png", "b/1.png"});
  const ImageTree tree = discover(folder.path());
  EXPECT_NO_THROW(check_class_count(tree, 2));
  EXPECT_THAT(message_of<DataError>([&] { check_class_count(tree, 10); }),
              AllOf(HasSubstr("output of the model (10), found 2"), HasSubstr("give --class-map FILE")));
  const ImageTree mapped = discover(folder.path(), named({"a", "b", "c"}));
  EXPECT_THAT(message_of<DataError>([&] { check_class_count(mapped, 2); }),
              HasSubstr("output of the model (2), found 3 in map.txt"));
  EXPECT_THAT(message_of<DataError>([&] { check_class_count(mapped, 4); }), HasSubstr("(4), found 3 in map.txt"));
}

TEST(ImageTree, SummaryCountsDomains) {
  const TempFolder folder;
  fill(folder, {"clean/a/1.png", "clean/b/1.png", "fog/5/a/1.png", "fog/5/b/1.png", "fog/5/b/2.png"});
  const ImageTree tree = discover(folder.path());
  EXPECT_EQ(tree.summary(), folder.path().string() +
                                ": 2 domains, 5 images, 2 classes (order of the folders)\n"
                                "  clean: 2 images in 2 classes\n"
                                "  fog/5: 3 images in 2 classes\n");
}

TEST(ImageTree, ReadsTheCifarTree) {
  const auto root = testing::shared_data() / "cifar10-dev";
  if (!fs::is_directory(root)) {
    GTEST_SKIP() << "no images at " << root << ": NOT tested on a real tree";
  }
  const ImageTree tree = discover(root);
  ASSERT_EQ(tree.domains.size(), 9U);
  EXPECT_EQ(tree.domains[0].name, "clean");
  EXPECT_EQ(tree.domains[8].name, "shifted/gaussian_noise/5");
  EXPECT_EQ(tree.classes.size(), 10U);
  EXPECT_EQ(tree.classes[9], "truck");
  for (const auto& domain : tree.domains) {
    EXPECT_EQ(domain.samples.size(), 2000U) << domain.name;
  }
}

}  // namespace
}  // namespace ttscale::data
