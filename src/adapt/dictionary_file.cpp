// SPDX-License-Identifier: MIT
// Reading and writing of pickled dictionaries.
#include "adapt/dictionary_file.h"

#include <fstream>
#include <iterator>

#include <ATen/core/jit_type.h>

#include "base/file.h"
#include "base/message_text.h"
#include "graph/archive.h"
#include "graph/pickle.h"
#include "ttscale/error.h"
#include "ttscale/version.h"

namespace ttscale {
namespace {

std::string a(const DictionaryFormat& format) { return std::string("name one that ") + format.made_by + " wrote"; }

c10::impl::GenericDict parse(const std::string& bytes, const std::filesystem::path& file,
                             const DictionaryFormat& format) {
  try {
    c10::IValue value = graph::unpickle(bytes);
    if (value.isGenericDict() && value.toGenericDict().contains("format") &&
        value.toGenericDict().at("format").isString() &&
        value.toGenericDict().at("format").toStringRef() == format.format) {
      return value.toGenericDict();
    }
  } catch (const DataError& error) {
    throw DataError(file.string() + " is damaged or no " + format.noun + " (" + error.what() + "); " + a(format));
  }
  throw DataError(file.string() + " is no " + format.noun + "; " + a(format));
}

}  // namespace

c10::impl::GenericDict new_dictionary(const DictionaryFormat& format) {
  c10::impl::GenericDict dictionary(c10::StringType::get(), c10::AnyType::get());
  dictionary.insert("format", format.format);
  dictionary.insert("format_version", format.version);
  dictionary.insert("ttscale", version());
  return dictionary;
}

void write_dictionary(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary) {
  write_file(file, graph::pickle(dictionary));
}

std::string dictionary_bytes(const std::filesystem::path& file, const DictionaryFormat& format) {
  refuse_device(format.noun, file);
  try {
    std::ifstream stream(file, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    if (stream) {
      return bytes;
    }
  } catch (const std::ios_base::failure&) {  // a folder opens, and its buffer throws when it is read
  }
  throw DataError(std::string("cannot read ") + format.noun + " " + file.string() + "; " + a(format));
}

void read_dictionary(const std::string& bytes, const std::filesystem::path& file, const DictionaryFormat& format,
                     const std::function<void(const c10::impl::GenericDict&)>& use) {
  const auto dictionary = parse(bytes, file, format);
  try {
    const auto found = dictionary.at("format_version").toInt();
    if (found != format.version) {
      throw DataError(std::string(format.noun) + " " + file.string() + " has format version " + std::to_string(found) +
                      ", this is ttscale " + version() + " which reads " + std::to_string(format.version));
    }
    use(dictionary);
  } catch (const c10::Error& error) {
    throw DataError(file.string() + " is damaged (" + shown(graph::reason(error)) + "); " + a(format));
  } catch (const std::out_of_range&) {
    throw DataError(file.string() + " is damaged (an entry is missing); " + a(format));
  }
}

}  // namespace ttscale
