// SPDX-License-Identifier: MIT
// Where tests find the files of the source tree, and the data that may lie beside it.
#pragma once

#include <filesystem>

namespace ttscale::testing {

/// The root of the source tree.
inline std::filesystem::path source_dir() { return TTSCALE_SOURCE_DIR; }

/// ../shared/data beside the source tree. It may be missing: then the test must GTEST_SKIP() and say so.
inline std::filesystem::path shared_data() { return source_dir().parent_path() / "shared" / "data"; }

}  // namespace ttscale::testing
