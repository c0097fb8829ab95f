// SPDX-License-Identifier: MIT
// Files that are either complete or not there.
#pragma once

#include <filesystem>
#include <string>

namespace ttscale {

/// Whether the path names a device, pipe, socket or open stream (/dev/stdout), which a rename cannot replace.
bool is_special(const std::filesystem::path& file);

/// Throws DataError, which begins with `what`, for a device: one who reads a file as a whole might find no end there. A
/// pipe has an end; nothing at all, or a folder, is left to the reader, who knows what was expected.
void refuse_device(const std::string& what, const std::filesystem::path& file);

/// Replaces the content of a file, all or nothing: written beside it, synced to disk, renamed over it. A link is
/// followed; a device, pipe or open stream (/dev/stdout) is written to directly. Throws Error naming the path and the
/// reason.
void write_file(const std::filesystem::path& file, const std::string& content);

/// Finds out, before hours of work, whether write_file() could succeed, leaving no trace. Throws Error like it.
void check_writable(const std::filesystem::path& file);

}  // namespace ttscale
