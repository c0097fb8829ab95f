// SPDX-License-Identifier: MIT
// Files of ours: a pickled dictionary that names its format and version, which torch.load(weights_only=True) reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>

namespace ttscale {

/// A kind of file.
struct DictionaryFormat {
  const char* format;  ///< its name inside the file
  std::int64_t version;
  const char* noun;     ///< for messages: "state file"
  const char* made_by;  ///< likewise: what writes one
};

/// A dictionary with format, version and the version of ttscale in it, to be filled and written.
c10::impl::GenericDict new_dictionary(const DictionaryFormat& format);

/// Writes it, whole or not at all. Throws Error naming the path and the reason.
void write_dictionary(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary);

/// All bytes of a file. Throws DataError if it cannot be read.
std::string dictionary_bytes(const std::filesystem::path& file, const DictionaryFormat& format);

/// Reads the bytes of a file and hands its dictionary to `use`, whose errors of missing or wrong entries become
/// DataErrors; `file` is for messages. Throws DataError if they are damaged, or have another format or version.
void read_dictionary(const std::string& bytes, const std::filesystem::path& file, const DictionaryFormat& format,
                     const std::function<void(const c10::impl::GenericDict&)>& use);

}  // namespace ttscale
