// SPDX-License-Identifier: MIT
// The records of a zip archive as LibTorch writes them: stored, not compressed (PKWARE APPNOTE 6.3).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ttscale {

/// Records by name without the archive's folder ("data.pkl", "data/0"): views of `file`, which must live longer. Every
/// record lies inside the file and has the checksum that the directory notes. Throws DataError saying what is wrong,
/// without the file's name; an archive that is compressed, encrypted, commented, of several parts or above 4 GiB is
/// refused.
std::map<std::string, std::string_view> zip_records(std::string_view file);

}  // namespace ttscale
