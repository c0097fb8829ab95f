// SPDX-License-Identifier: MIT
// Decides what each level of an image tree means.
#include "data/class_folders.h"

#include <algorithm>
#include <unordered_set>

#include "data/folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

class Finder {
 public:
  Finder(const std::filesystem::path& root, const TreeOptions& options)
      : root_(root), options_(options), known_(options.classes.begin(), options.classes.end()) {}

  std::vector<DomainFolder> find() {
    visit(Folder(root_), "");
    return std::move(domains_);
  }

 private:
  void visit(const Folder& folder, const std::string& name) {
    if (is_domain(folder, name)) {
      domains_.push_back(read_domain(folder, name));
      return;
    }
    if (!folder.images().empty()) {
      throw DataError("data: expected class folders with images in them, found images (" + folder.images().front() +
                      ") and no class folders in " + folder.path().string() +
                      "; put each image into a folder with the name of its class");
    }
    if (folder.folders().empty()) {
      throw DataError("data: expected class folders with images in them (" + std::string(kImageExtensions) +
                      "), found none in " + folder.path().string());
    }
    for (const auto& child : folder.folders()) {
      visit(Folder(folder, child), name.empty() ? child : name + "/" + child);
    }
  }

  [[nodiscard]] bool is_domain(const Folder& folder, const std::string& name) const {
    if (options_.layout == Layout::kClasses && name.empty()) {
      return !folder.folders().empty();
    }
    const auto& children = folder.folders();
    return std::any_of(children.begin(), children.end(),
                       [this](const auto& child) { return known_.count(child) > 0; }) ||
           std::any_of(children.begin(), children.end(),
                       [&folder](const auto& child) { return holds_images(folder.path() / child); });
  }

  [[nodiscard]] DomainFolder read_domain(const Folder& folder, const std::string& name) const {
    DomainFolder domain{name.empty() ? base_name(root_) : name, {}};
    for (const auto& child : folder.folders()) {
      check_known(child, folder);
      ClassFolder images{child, images_below(Folder(folder, child))};
      if (images.images.empty()) {
        throw DataError("data: expected images (" + std::string(kImageExtensions) + ") in class folder '" + child +
                        "', found none in " + (folder.path() / child).string() + "; remove the folder or fill it");
      }
      domain.classes.push_back(std::move(images));
    }
    return domain;
  }

  void check_known(const std::string& child, const Folder& folder) const {
    if (!known_.empty() && known_.count(child) == 0) {
      throw DataError("data: expected class folders named in " + options_.classes_file + " (" +
                      std::to_string(known_.size()) + " classes), found folder '" + child + "' in " +
                      folder.path().string() + "; add it there or remove the folder");
    }
  }

  const std::filesystem::path& root_;
  const TreeOptions& options_;
  std::unordered_set<std::string> known_;
  std::vector<DomainFolder> domains_;
};

}  // namespace

std::vector<DomainFolder> find_domains(const std::filesystem::path& root, const TreeOptions& options) {
  return Finder(root, options).find();
}

}  // namespace ttscale::data
