// SPDX-License-Identifier: MIT
// What both layouts of segmentation trees share: the name that an image and its labels have in common, and the names of
// domains.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/segmentation_tree.h"

namespace ttscale::data {

/// Path below `folder` without extension: what an image and its labels share.
std::string key_of(const std::filesystem::path& file, const std::filesystem::path& folder);

using FilesByKey = std::map<std::string, std::filesystem::path>;

/// Files by key. Throws DataError naming two that differ in their extension only.
FilesByKey files_of(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder);

/// Gives the root's own domain the root's name, and sorts the domains naturally.
void name_and_sort(SegmentationTree& tree);

}  // namespace ttscale::data
