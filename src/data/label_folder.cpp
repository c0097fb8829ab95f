// SPDX-License-Identifier: MIT
// Images in one tree, label maps in another.
#include <system_error>
#include <utility>

#include "data/folder.h"
#include "data/label_pairs.h"
#include "data/segmentation_tree.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

namespace fs = std::filesystem;

/// The PNG of an image: at the image's place below the domain's own folder of labels, or below the folder that all
/// domains share.
class LabelFolder {
 public:
  explicit LabelFolder(fs::path root) : root_(std::move(root)) {
    std::error_code error;
    if (!fs::is_directory(root_, error)) {
      throw DataError("labels: expected a folder of label PNGs, found none: " + root_.string());
    }
  }

  /// Throws DataError if `folder`, which is read for images, is the folder of the labels.
  void refuse(const fs::path& folder) const {
    std::error_code error;
    if (fs::equivalent(folder, root_, error)) {
      throw DataError("labels: expected them outside of the folder of the images, found " + root_.string() +
                      " inside of it; give --data the folder of the images alone");
    }
  }

  [[nodiscard]] fs::path of(const std::string& key, const fs::path& image, const std::string& domain) const {
    std::error_code error;
    const bool own = !domain.empty() && fs::is_directory(root_ / domain, error);
    fs::path file = (own ? root_ / domain : root_) / (key + ".png");
    if (!fs::exists(file, error)) {
      throw DataError("labels: expected labels for " + image.string() + ", found no " + file.string() +
                      "; add it or remove the image");
    }
    return file;
  }

 private:
  fs::path root_;
};

SegmentationDomain read_domain(const Folder& folder, const std::string& name, const LabelFolder& labels) {
  SegmentationDomain domain{name, {}};
  const std::vector<fs::path> files = images_below(folder);
  (void)files_of(files, folder.path());  // two images for one PNG
  for (const fs::path& file : files) {
    domain.samples.push_back({file, labels.of(key_of(file, folder.path()), file, name)});
  }
  return domain;
}

void visit(const Folder& folder, const std::string& name, const LabelFolder& labels,
           std::vector<SegmentationDomain>& domains) {
  labels.refuse(folder.path());
  if (!folder.images().empty()) {
    domains.push_back(read_domain(folder, name, labels));
    return;
  }
  for (const auto& child : folder.folders()) {
    visit(Folder(folder, child), (fs::path(name) / child).generic_string(), labels, domains);
  }
}

}  // namespace

SegmentationTree discover_segmentation(const fs::path& root, const fs::path& labels) {
  SegmentationTree tree;
  tree.root = root;
  visit(Folder(root), "", LabelFolder(labels), tree.domains);
  if (tree.domains.empty()) {
    throw DataError("data: expected images (" + std::string(kImageExtensions) + "), found none in " + root.string());
  }
  name_and_sort(tree);
  return tree;
}

}  // namespace ttscale::data
