// SPDX-License-Identifier: MIT
// Reference moments from bytes; Reference::load() (ttscale/reference.h) has them from a file.
#pragma once

#include <filesystem>
#include <string>

#include "ttscale/reference.h"

namespace ttscale {

/// What Reference::save() wrote; `file` is for messages. Throws DataError as Reference::load() does.
Reference parse_reference(const std::string& bytes, const std::filesystem::path& file);

}  // namespace ttscale
