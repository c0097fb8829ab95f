// SPDX-License-Identifier: MIT
// Reads folders.
#include "data/folder.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "ttscale/error.h"

namespace ttscale::data {
namespace fs = std::filesystem;

const char* const kImageExtensions = ".jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp";

bool is_image(std::string name) {
  constexpr std::array<std::string_view, 9> kExtensions = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                                           ".pgm", ".tif",  ".tiff", ".webp"};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::any_of(kExtensions.begin(), kExtensions.end(), [&name](std::string_view extension) {
    return name.size() >= extension.size() &&
           name.compare(name.size() - extension.size(), extension.size(), extension) == 0;
  });
}

namespace {

// A link to nothing counts as a file: then decoding it says what is wrong.
bool is_folder(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.is_directory(error);
}

fs::directory_iterator open(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) {
    throw DataError("data: cannot read the folder " + folder.string() + " (" + error.message() + ")");
  }
  return entries;
}

void collect_images(const Folder& folder, std::vector<std::pair<std::string, std::string>>& found) {
  for (const auto& image : folder.images()) {
    found.emplace_back(folder.path().string(), image);
  }
  for (const auto& name : folder.folders()) {
    collect_images(Folder(folder, name), found);
  }
}

}  // namespace

Folder::Folder(fs::path root) : path_(std::move(root)) {
  std::error_code error;
  const auto status = fs::status(path_, error);
  if (!fs::exists(status)) {
    throw DataError("data: expected a folder, found nothing at " + path_.string() + "; check the path");
  }
  if (!fs::is_directory(status)) {
    throw DataError("data: expected a folder with class folders in it, found a file: " + path_.string());
  }
  real_ = fs::canonical(path_, error);
  read();
}

Folder::Folder(const Folder& parent, const std::string& name) : parent_(&parent), path_(parent.path_ / name) {
  std::error_code error;
  const fs::path real = parent.real_ / name;
  real_ = fs::is_symlink(real, error) ? fs::canonical(real, error) : real;
  read();
}

void Folder::read() {
  for (const auto& entry : open(path_)) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    if (!is_folder(entry)) {
      if (is_image(name)) {
        images_.push_back(name);
      }
    } else if (name.front() != '.' && !(entry.is_symlink(error) && leads_back(entry.path()))) {
      folders_.push_back(name);
    }
  }
  std::sort(folders_.begin(), folders_.end());
  std::sort(images_.begin(), images_.end());
}

bool Folder::leads_back(const fs::path& link) const {
  std::error_code error;
  const fs::path target = fs::canonical(link, error);
  for (const Folder* folder = this; folder != nullptr; folder = folder->parent_) {
    if (folder->real_ == target) {
      return true;
    }
  }
  return false;
}

std::string base_name(const fs::path& root) {
  std::error_code error;
  const fs::path absolute = fs::absolute(root, error).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

bool holds_images(const fs::path& folder) {
  const auto entries = open(folder);
  return std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    return is_image(entry.path().filename().string()) && !is_folder(entry);
  });
}

std::vector<fs::path> images_below(const Folder& folder) {
  std::vector<std::pair<std::string, std::string>> found;
  collect_images(folder, found);
  std::sort(found.begin(), found.end());
  std::vector<fs::path> images;
  images.reserve(found.size());
  for (const auto& [directory, name] : found) {
    images.push_back(fs::path(directory) / name);
  }
  return images;
}

}  // namespace ttscale::data
