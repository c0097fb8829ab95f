// SPDX-License-Identifier: MIT
// The manifest as a flat JSON object of strings.
#include "cli/corrupt_manifest.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/file.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = ".ttscale-corrupt.json";
constexpr const char* kRemedy = "; use another folder, or remove this one";

Manifest read_manifest(const fs::path& file) {
  try {
    std::ifstream stream(file);
    return nlohmann::json::parse(stream).get<Manifest>();
  } catch (const nlohmann::json::exception&) {
    throw DataError("corrupt: expected a JSON object of texts, found something else in " + file.string() + kRemedy);
  }
}

std::string value_in(const Manifest& manifest, const std::string& option) {
  const auto found = manifest.find(option);
  return found == manifest.end() ? "nothing" : found->second;
}

void check_same(const Manifest& there, const Manifest& wanted, const fs::path& target) {
  Manifest all = there;
  all.insert(wanted.begin(), wanted.end());
  for (const auto& [option, value] : all) {
    const std::string was = value_in(there, option);
    const std::string is = value_in(wanted, option);
    if (was != is) {
      throw DataError("corrupt: expected images made with " + option + " " + is + ", found " + was + " in " +
                      target.string() + kRemedy);
    }
  }
}

void check_unclaimed(const fs::path& target, const std::vector<std::string>& kinds) {
  std::error_code error;
  for (const std::string& kind : kinds) {
    if (fs::exists(target / kind, error)) {
      throw DataError("corrupt: expected a folder without " + kind + ", or one that `ttscale corrupt` made; found " +
                      (target / kind).string() + " and no " + kFile + kRemedy);
    }
  }
}

}  // namespace

void claim_target(const fs::path& target, const Manifest& manifest, const std::vector<std::string>& kinds) {
  const fs::path file = target / kFile;
  std::error_code error;
  if (fs::exists(file, error)) {
    check_same(read_manifest(file), manifest, target);
    return;
  }
  check_unclaimed(target, kinds);
  fs::create_directories(target, error);
  if (error) {
    throw Error("cannot make the folder " + target.string() + ": " + error.message());
  }
  write_file(file, nlohmann::json(manifest).dump(2) + '\n');
}

}  // namespace ttscale::cli
