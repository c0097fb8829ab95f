// SPDX-License-Identifier: MIT
// What the images in a folder of shifted copies were made with, so that another run can go on with them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ttscale::cli {

/// Name of an option -> its value, all that decides about the pixels of a copy but its kind and severity.
using Manifest = std::map<std::string, std::string>;

/// Makes `target` a folder of copies made with `manifest`: writes the file .ttscale-corrupt.json there, or finds one
/// that says the same. Throws DataError if it says something else, naming the first difference, if it cannot be read,
/// or if there is none but folders of `kinds` are there already: nobody knows how their images were made. Throws Error
/// if nothing can be written there.
void claim_target(const std::filesystem::path& target, const Manifest& manifest, const std::vector<std::string>& kinds);

}  // namespace ttscale::cli
