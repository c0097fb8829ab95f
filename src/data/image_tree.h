// SPDX-License-Identifier: MIT
// Finds images, labels and domains in a folder: an ImageFolder, or a tree of shifted copies such as ImageNet-C.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ttscale::data {

/// One image file and the index of its class.
struct Sample {
  std::filesystem::path path;  ///< the root as given, joined with what was found below it
  std::int64_t label = 0;
  std::int64_t domain = 0;  ///< index of the domain it is met in; set by who mixes domains
};

/// One folder of class folders: the images of one shift, or of none.
struct Domain {
  std::string name;  ///< path below the root ("gaussian_noise/5", "clean"); basename of the root for the root itself
  std::vector<Sample> samples;       ///< by label, then by (directory, file name) in plain string order, as torchvision
  std::vector<std::string> classes;  ///< the class folders it has, by label
};

/// How folder names are ordered into class indices when no names are given.
enum class ClassOrder {
  kLexical,  ///< plain string order, as torchvision: "10" before "2"
  kNatural,  ///< digits by value, letters without case, as timm: "2" before "10"
  kNumeric,  ///< every name must be a number; ordered by value
};

/// The order of that name ("lexical", "natural", "numeric"); throws UsageError for any other text.
ClassOrder parse_class_order(const std::string& text);

/// How the levels of a tree are read.
enum class Layout {
  kAuto,     ///< see discover()
  kClasses,  ///< the folders of the root are the classes, whatever lies below them: one domain
};

/// Options of discover().
struct TreeOptions {
  std::vector<std::string>
      classes;  ///< class names by index, from a class map or a model description; empty: the folders decide
  std::string classes_file;  ///< where `classes` came from, for messages
  ClassOrder class_order = ClassOrder::kLexical;
  Layout layout = Layout::kAuto;
};

/// The domains below a root and the names behind the labels.
struct ImageTree {
  std::filesystem::path root;
  std::vector<Domain> domains;       ///< in natural order of their names; at least one
  std::vector<std::string> classes;  ///< name of each label
  std::string classes_file;          ///< where the names came from; empty: from the folders

  /// Several lines: domains, images and classes, for logs.
  [[nodiscard]] std::string summary() const;
};

/// Reads a tree. A folder is a domain when one of its folders bears a known class name or directly holds images; then
/// all its folders are classes, and everything below each belongs to it. Other folders are levels of names (kind,
/// severity, group). So `<class>/**`, `<kind>/<class>`, `<kind>/<severity>/<class>`, grouped and mixed trees are found
/// by themselves. Without given names, labels follow the order of all class folders, and every domain must have all of
/// them; with names, a domain may lack classes. Folders that start with a dot are passed over. Links are followed,
/// loops are not. Throws DataError, naming the folder, for: a missing root, a file as root, no images, images outside
/// class folders, a class folder without images, a folder that is no known class, domains with different classes.
ImageTree discover(const std::filesystem::path& root, const TreeOptions& options = {});

/// Throws DataError with both numbers unless the tree names as many classes as the model has outputs.
void check_class_count(const ImageTree& tree, std::int64_t outputs);

}  // namespace ttscale::data
