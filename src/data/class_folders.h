// SPDX-License-Identifier: MIT
// The walk through an image tree: which folders are domains, which are classes, which files are images.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_tree.h"

namespace ttscale::data {

/// The images of one class of one domain, by (directory, file name) in plain string order.
struct ClassFolder {
  std::string name;
  std::vector<std::filesystem::path> images;  ///< never empty
};

/// A domain before labels are given.
struct DomainFolder {
  std::string name;
  std::vector<ClassFolder> classes;  ///< in plain string order
};

/// Finds the domains below `root` by the rules of discover(), which also lists what is thrown; at least one.
std::vector<DomainFolder> find_domains(const std::filesystem::path& root, const TreeOptions& options);

}  // namespace ttscale::data
