// SPDX-License-Identifier: MIT
// Hashes the bytes of the model and of other files, and names and sizes of the images.
#include "eval/fingerprint.h"

#include <fstream>
#include <system_error>

#include "base/hash.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

void add_file(Hash& hash, const std::filesystem::path& file) {
  constexpr std::size_t kBlock = 1 << 20;
  std::ifstream in(file, std::ios::binary);
  std::string block(kBlock, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(kBlock)) || in.gcount() > 0) {
    hash.add({block.data(), static_cast<std::size_t>(in.gcount())});
  }
  if (!in.eof()) {
    throw DataError("cannot read " + file.string() + "; give a file that exists");
  }
}

}  // namespace

std::string fingerprint(const std::filesystem::path& model, const data::ImageTree& tree,
                        const std::vector<std::filesystem::path>& others) {
  Hash hash;
  add_file(hash, model);
  for (const data::Domain& domain : tree.domains) {
    hash.add(domain.name);
    for (const data::Sample& sample : domain.samples) {
      std::error_code unreadable;  // the loader says so when the image is met
      hash.add(sample.path.lexically_relative(tree.root).generic_string());
      hash.add(std::to_string(std::filesystem::file_size(sample.path, unreadable)));
    }
  }
  for (const std::filesystem::path& file : others) {
    add_file(hash, file);
  }
  return hash.text();
}

}  // namespace ttscale::eval
