// SPDX-License-Identifier: MIT
// FNV-1a over the bytes of the model, and names and sizes of the images.
#include "eval/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>

#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

class Hash {
 public:
  void add(std::string_view bytes) {
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      mix(word);
    }
    for (; i < bytes.size(); ++i) {
      mix(static_cast<unsigned char>(bytes[i]));
    }
    mix(bytes.size());
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 17> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(state_));
    return hex.data();
  }

 private:
  // The shift brings high bits down, which multiplication alone never does.
  void mix(std::uint64_t word) {
    constexpr int kHalf = 32;
    state_ = (state_ ^ word) * 1099511628211ULL;
    state_ ^= state_ >> kHalf;
  }

  std::uint64_t state_ = 14695981039346656037ULL;
};

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

std::string fingerprint(const std::filesystem::path& model, const data::ImageTree& tree) {
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
  return hash.text();
}

}  // namespace ttscale::eval
