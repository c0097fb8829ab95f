// SPDX-License-Identifier: MIT
// The files that a command line names: what is written must not be what is read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/options.h"

namespace ttscale::cli {

/// A file, and the flag that named it or the words for it.
struct NamedFile {
  std::string name;
  std::filesystem::path file;  ///< empty: none
};

/// What one run reads and writes.
struct RunFiles {
  std::vector<NamedFile> read;                      ///< by readers that refuse a device themselves
  std::vector<NamedFile> whole;                     ///< read too, as a whole: a device would have no end
  std::vector<NamedFile> written;                   ///< each replaced, or gone on with under a name in `whole`
  std::vector<std::filesystem::path> data_folders;  ///< of images
};

RunFiles files_of(const InspectFlags& flags);
RunFiles files_of(const EvalFlags& flags);
RunFiles files_of(const CalibrateFlags& flags);
RunFiles files_of(const AdaptFlags& flags);
RunFiles files_of(const BenchFlags& flags);
RunFiles files_of(const PreprocessFlags& flags);
RunFiles files_of(const CorruptFlags& flags);
RunFiles files_of(const MergeFlags& flags);

/// Throws UsageError for a file to be written that would replace one that is read or another that is written, by
/// whatever name and link, or an image that lies, or is written as lying, below the data; devices and streams are no
/// such files. Throws DataError for a device that would be read as a whole.
void check_files(const RunFiles& files);

/// Whether a path, which need not be there, is a folder or lies below it.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace ttscale::cli
