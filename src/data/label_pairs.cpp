// SPDX-License-Identifier: MIT
// Keys and names.
#include "data/label_pairs.h"

#include <algorithm>

#include "data/class_order.h"
#include "data/folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace fs = std::filesystem;

std::string key_of(const fs::path& file, const fs::path& folder) {
  return file.lexically_relative(folder).replace_extension().generic_string();
}

FilesByKey files_of(const std::vector<fs::path>& files, const fs::path& folder) {
  FilesByKey by_key;
  for (const fs::path& file : files) {
    const auto [found, is_new] = by_key.emplace(key_of(file, folder), file);
    if (!is_new) {
      throw DataError("data: expected names that differ before the extension, found " + found->second.string() +
                      " and " + file.string() + "; rename one of them and its partner");
    }
  }
  return by_key;
}

void name_and_sort(SegmentationTree& tree) {
  for (SegmentationDomain& domain : tree.domains) {
    if (domain.name.empty()) {
      domain.name = base_name(tree.root);
    }
  }
  std::sort(tree.domains.begin(), tree.domains.end(),
            [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
}

}  // namespace ttscale::data
