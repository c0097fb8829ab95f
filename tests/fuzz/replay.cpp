// SPDX-License-Identifier: MIT
// Every file of the corpus through its target: whole, cut at places, and with single bits flipped. Needs no fuzzer, so
// that every build checks that targets and corpus fit the program.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "targets.h"

namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Inputs made of one file; at most so many cuts and flips, evenly spread over it.
std::vector<std::string> variants(const std::string& bytes) {
  constexpr std::size_t kMost = 400;
  const std::size_t step = bytes.size() / kMost + 1;
  std::vector<std::string> out{bytes};
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    out.push_back(bytes.substr(0, at));
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    out.push_back(std::move(flipped));
  }
  return out;
}

struct Outcome {
  int inputs = 0;
  bool accepted = false;  ///< the file as it stands
  bool sound = true;
};

Outcome replay(const ttscale::fuzz::Target& target, const fs::path& file) {
  Outcome out;
  for (const std::string& input : variants(bytes_of(file))) {
    try {
      const bool accepted = target.run(input);
      out.accepted = out.accepted || (accepted && out.inputs == 0);
      ++out.inputs;
    } catch (const std::exception& finding) {
      const fs::path left = fs::temp_directory_path() / (std::string("ttscale-finding-") + target.name);
      std::ofstream(left, std::ios::binary) << input;
      std::fprintf(stderr, "%s: input %d of %s (now in %s): %s\n", target.name, out.inputs, file.c_str(), left.c_str(),
                   finding.what());
      out.sound = false;
      return out;
    }
  }
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: replay_corpus CORPUS\n");
    return 2;
  }
  bool sound = true;
  for (const ttscale::fuzz::Target& target : ttscale::fuzz::targets()) {
    int inputs = 0;
    int accepted = 0;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(fs::path(arguments[1]) / target.name, missing)) {
      const Outcome outcome = replay(target, entry.path());
      sound = sound && outcome.sound;
      inputs += outcome.inputs;
      accepted += outcome.accepted ? 1 : 0;
    }
    sound = sound && accepted > 0;  // a corpus of refusals alone would reach nothing
    std::printf("%-14s %d inputs, %d files accepted\n", target.name, inputs, accepted);
  }
  return sound ? 0 : 1;
}
