// SPDX-License-Identifier: MIT
// One folder on the way down a tree, read with torchvision's idea of what an image is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ttscale::data {

/// The extensions of image files, for messages: those of torchvision's ImageFolder.
extern const char* const kImageExtensions;

/// Whether a file of this name is an image, by its ending. As in torchvision the whole name counts: ".jpg" is one.
bool is_image(std::string name);

/// A folder that is being read. Knows its parents, so that links that lead back to one of them are passed over.
class Folder {
 public:
  /// The root of a walk. Throws DataError if it is missing or no folder.
  explicit Folder(std::filesystem::path root);
  /// A folder found in `parent`, which must live longer.
  Folder(const Folder& parent, const std::string& name);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Names of folders, in plain string order, without those that start with a dot and links that lead in a circle.
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }
  /// Names of image files, in plain string order.
  [[nodiscard]] const std::vector<std::string>& images() const { return images_; }

 private:
  void read();
  [[nodiscard]] bool leads_back(const std::filesystem::path& link) const;

  const Folder* parent_ = nullptr;
  std::filesystem::path path_;
  std::filesystem::path real_;
  std::vector<std::string> folders_;
  std::vector<std::string> images_;
};

/// The last part of a folder's absolute path, whatever way it was written ("data/", ".").
std::string base_name(const std::filesystem::path& root);

/// Whether a folder has an image file of its own; stops at the first.
bool holds_images(const std::filesystem::path& folder);

/// All images of a folder and of the folders below it, by (directory, file name) in plain string order.
std::vector<std::filesystem::path> images_below(const Folder& folder);

}  // namespace ttscale::data
