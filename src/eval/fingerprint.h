// SPDX-License-Identifier: MIT
// What tells whether two runs worked on the same model and the same images.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_tree.h"

namespace ttscale::eval {

/// 16 hexadecimal digits from the bytes of the model file, the path below the root and the size of every image, and the
/// bytes of other files that decide the numbers. Told apart are mistakes, not attacks. Throws DataError for a file that
/// cannot be read.
std::string fingerprint(const std::filesystem::path& model, const data::ImageTree& tree,
                        const std::vector<std::filesystem::path>& others);

}  // namespace ttscale::eval
