// SPDX-License-Identifier: MIT
// From folders to pairs of images and label maps.
#include "data/segmentation_tree.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "data/class_order.h"
#include "data/folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImages = "images";
constexpr const char* kLabels = "labels";

bool has(const Folder& folder, const std::string& name) {
  const auto& names = folder.folders();
  return std::binary_search(names.begin(), names.end(), name);
}

/// Path below `folder` without extension: what an image and its labels share.
std::string key_of(const fs::path& file, const fs::path& folder) {
  return file.lexically_relative(folder).replace_extension().generic_string();
}

using Files = std::map<std::string, fs::path>;  // by key

Files files_of(const std::vector<fs::path>& files, const fs::path& folder) {
  Files by_key;
  for (const fs::path& file : files) {
    const auto [found, is_new] = by_key.emplace(key_of(file, folder), file);
    if (!is_new) {
      throw DataError("data: expected names that differ before the extension, found " + found->second.string() +
                      " and " + file.string() + "; rename one of them and its partner");
    }
  }
  return by_key;
}

Files label_files(const Folder& domain) {
  const Folder folder(domain, kLabels);
  Files labels = files_of(images_below(folder), folder.path());
  for (const auto& [key, file] : labels) {
    if (file.extension() != ".png") {
      throw DataError("data: expected labels as .png, found " + file.string() + "; convert it");
    }
  }
  return labels;
}

void check_partners(const Files& images, const Files& labels, const fs::path& domain) {
  for (const auto& [key, file] : images) {
    if (labels.count(key) == 0) {
      throw DataError("data: expected labels for " + file.string() + ", found no " +
                      (domain / kLabels / (key + ".png")).string() + "; add it or remove the image");
    }
  }
  for (const auto& [key, file] : labels) {
    if (images.count(key) == 0) {
      throw DataError("data: expected an image for " + file.string() + ", found none below " +
                      (domain / kImages).string() + "; add it or remove the labels");
    }
  }
}

SegmentationDomain read_domain(const Folder& folder, std::string name) {
  if (!has(folder, kLabels)) {
    throw DataError("data: expected a folder 'labels' beside 'images', found none in " + folder.path().string() +
                    "; put the label PNGs there");
  }
  const Folder images_folder(folder, kImages);
  const std::vector<fs::path> files = images_below(images_folder);
  if (files.empty()) {
    throw DataError("data: expected images (" + std::string(kImageExtensions) + "), found none in " +
                    images_folder.path().string() + "; remove the folder or fill it");
  }
  const Files labels = label_files(folder);
  check_partners(files_of(files, images_folder.path()), labels, folder.path());
  SegmentationDomain domain{std::move(name), {}};
  for (const fs::path& file : files) {
    domain.samples.push_back({file, labels.at(key_of(file, images_folder.path()))});
  }
  return domain;
}

void visit(const Folder& folder, const std::string& name, std::vector<SegmentationDomain>& domains) {
  if (has(folder, kImages)) {
    domains.push_back(read_domain(folder, name));
    return;
  }
  if (folder.folders().empty()) {
    throw DataError("data: expected folders 'images' and 'labels', or folders that have them, found none in " +
                    folder.path().string());
  }
  for (const auto& child : folder.folders()) {
    visit(Folder(folder, child), (fs::path(name) / child).generic_string(), domains);
  }
}

}  // namespace

SegmentationTree discover_segmentation(const fs::path& root) {
  SegmentationTree tree;
  tree.root = root;
  visit(Folder(root), "", tree.domains);
  for (SegmentationDomain& domain : tree.domains) {
    if (domain.name.empty()) {
      domain.name = base_name(root);
    }
  }
  std::sort(tree.domains.begin(), tree.domains.end(),
            [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
  return tree;
}

std::string SegmentationTree::summary() const {
  std::size_t images = 0;
  std::ostringstream lines;
  for (const SegmentationDomain& domain : domains) {
    images += domain.samples.size();
    lines << "  " << domain.name << ": " << domain.samples.size() << " images\n";
  }
  return root.string() + ": " + std::to_string(domains.size()) + (domains.size() == 1 ? " domain, " : " domains, ") +
         std::to_string(images) + " images with labels\n" + lines.str();
}

}  // namespace ttscale::data
