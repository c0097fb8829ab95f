// SPDX-License-Identifier: MIT
// From folders to labels.
#include "data/image_tree.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "data/class_folders.h"
#include "data/class_order.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

std::vector<std::string> names_from_folders(const std::vector<DomainFolder>& domains, ClassOrder order) {
  std::set<std::string> all;
  for (const auto& domain : domains) {
    for (const auto& folder : domain.classes) {
      all.insert(folder.name);
    }
  }
  std::vector<std::string> names(all.begin(), all.end());
  sort_names(names, order);
  return names;
}

// Without given names a missing folder would go unnoticed, and a tree of another shape would be read as this one.
void check_same_classes(const std::vector<DomainFolder>& domains, const std::vector<std::string>& names) {
  for (const auto& domain : domains) {
    if (domain.classes.size() == names.size()) {
      continue;  // `names` is the union, so nothing is missing
    }
    for (const auto& name : names) {
      const bool found = std::any_of(domain.classes.begin(), domain.classes.end(),
                                     [&name](const ClassFolder& folder) { return folder.name == name; });
      if (!found) {
        throw DataError("data: expected the same class folders in every domain, found no '" + name + "' in domain '" +
                        domain.name + "' (" + std::to_string(domain.classes.size()) + " of " +
                        std::to_string(names.size()) + " classes); give the names with --class-map");
      }
    }
  }
}

Domain label(DomainFolder folder, const std::unordered_map<std::string, std::int64_t>& labels) {
  std::sort(folder.classes.begin(), folder.classes.end(),
            [&labels](const ClassFolder& a, const ClassFolder& b) { return labels.at(a.name) < labels.at(b.name); });
  Domain domain;
  domain.name = std::move(folder.name);
  for (auto& of_class : folder.classes) {
    const std::int64_t index = labels.at(of_class.name);
    for (auto& image : of_class.images) {
      domain.samples.push_back({std::move(image), index});
    }
    domain.classes.push_back(std::move(of_class.name));
  }
  return domain;
}

std::size_t count_images(const std::vector<Domain>& domains) {
  std::size_t count = 0;
  for (const auto& domain : domains) {
    count += domain.samples.size();
  }
  return count;
}

}  // namespace

ImageTree discover(const std::filesystem::path& root, const TreeOptions& options) {
  std::vector<DomainFolder> folders = find_domains(root, options);
  ImageTree tree;
  tree.root = root;
  tree.classes = options.classes;
  tree.classes_file = options.classes_file;
  if (tree.classes.empty()) {
    tree.classes = names_from_folders(folders, options.class_order);
    tree.classes_file.clear();
    check_same_classes(folders, tree.classes);
  }
  std::unordered_map<std::string, std::int64_t> labels;
  for (std::size_t i = 0; i < tree.classes.size(); ++i) {
    labels.emplace(tree.classes[i], static_cast<std::int64_t>(i));
  }
  for (auto& folder : folders) {
    tree.domains.push_back(label(std::move(folder), labels));
  }
  std::sort(tree.domains.begin(), tree.domains.end(),
            [](const Domain& a, const Domain& b) { return natural_less(a.name, b.name); });
  return tree;
}

std::string ImageTree::summary() const {
  std::ostringstream text;
  text << root.string() << ": " << domains.size() << (domains.size() == 1 ? " domain, " : " domains, ")
       << count_images(domains) << " images, " << classes.size() << " classes ("
       << (classes_file.empty() ? "order of the folders" : classes_file) << ")\n";
  for (const auto& domain : domains) {
    text << "  " << domain.name << ": " << domain.samples.size() << " images in " << domain.classes.size()
         << " classes\n";
  }
  return text.str();
}

void check_class_count(const ImageTree& tree, std::int64_t outputs) {
  const auto classes = static_cast<std::int64_t>(tree.classes.size());
  if (classes == outputs) {
    return;
  }
  if (tree.classes_file.empty()) {
    throw DataError("data: expected one class folder an output of the model (" + std::to_string(outputs) + "), found " +
                    std::to_string(classes) + " in " + tree.root.string() +
                    "; give --class-map FILE with the class name of each output, one a line");
  }
  throw DataError("data: expected one class name an output of the model (" + std::to_string(outputs) + "), found " +
                  std::to_string(classes) + " in " + tree.classes_file + "; give the --class-map of this model");
}

}  // namespace ttscale::data
