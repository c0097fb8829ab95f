// SPDX-License-Identifier: MIT
// Orders of samples.
#include "data/order.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "data/text_lines.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

// One spelling for "./a//b" and "a/b".
std::string key(const std::filesystem::path& path) { return path.lexically_normal().string(); }

// A number below `bound`, each with the same chance: draws from the incomplete last block are drawn again.
// std::uniform_int_distribution is not used because each standard library has its own.
std::uint64_t draw_below(std::uint64_t bound, std::mt19937_64& engine) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t usable = kMax - kMax % bound;
  std::uint64_t draw = engine();
  while (draw >= usable) {
    draw = engine();
  }
  return draw % bound;
}

std::vector<Sample> sorted(const Domain& domain) {
  std::vector<Sample> samples = domain.samples;
  std::sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
    return a.label != b.label ? a.label < b.label : a.path.native() < b.path.native();
  });
  return samples;
}

std::vector<Sample> shuffled(const Domain& domain, std::uint64_t seed) {
  const std::vector<Sample> from = sorted(domain);
  std::vector<Sample> samples;
  samples.reserve(from.size());
  for (const std::int64_t index : shuffled_indices(static_cast<std::int64_t>(from.size()), seed)) {
    samples.push_back(from[static_cast<std::size_t>(index)]);
  }
  return samples;
}

std::vector<Sample> listed(const Domain& domain, const Order& order) {
  std::unordered_map<std::string, const Sample*> by_path;
  for (const auto& sample : domain.samples) {
    by_path.emplace(key(sample.path), &sample);
  }
  std::vector<Sample> samples;
  for (const auto& line : order.list) {
    if (const auto found = by_path.find(key(line)); found != by_path.end()) {
      samples.push_back(*found->second);
    }
  }
  if (samples.empty()) {
    throw DataError(
        "order: expected images of domain '" + domain.name + "' in " + order.list_file.string() +
        ", found none; write paths as the predictions file does, for example " +
        (domain.samples.empty() ? std::string("DATA/class/image.png") : domain.samples.front().path.string()));
  }
  return samples;
}

std::vector<std::string> read_list(const std::filesystem::path& file) {
  std::vector<std::string> paths;
  std::unordered_set<std::string> seen;
  std::size_t number = 0;
  for (auto& line : read_lines(file)) {
    ++number;
    if (line.empty()) {
      continue;
    }
    if (!seen.insert(key(line)).second) {
      throw DataError(file.string() + ": line " + std::to_string(number) + ": expected each image once, found " + line +
                      " again");
    }
    paths.push_back(std::move(line));
  }
  if (paths.empty()) {
    throw DataError("order: expected one image path a line, found an empty file: " + file.string());
  }
  return paths;
}

}  // namespace

Order parse_order(const std::string& text, std::uint64_t seed) {
  constexpr const char* kFile = "file:";
  Order order;
  order.seed = seed;
  if (text == "shuffled") {
    return order;
  }
  if (text == "sorted") {
    order.kind = OrderKind::kSorted;
    return order;
  }
  if (text.rfind(kFile, 0) != 0 || text == kFile) {
    throw UsageError("order: expected shuffled, sorted or file:LIST, found '" + text + "'");
  }
  order.kind = OrderKind::kListed;
  order.list_file = text.substr(std::string(kFile).size());
  order.list = read_list(order.list_file);
  return order;
}

std::vector<Sample> arrange(const Domain& domain, const Order& order) {
  switch (order.kind) {
    case OrderKind::kShuffled:
      return shuffled(domain, order.seed);
    case OrderKind::kSorted:
      return sorted(domain);
    case OrderKind::kListed:
      break;
  }
  return listed(domain, order);
}

void check_order(const ImageTree& tree, const Order& order) {
  if (order.kind != OrderKind::kListed) {
    return;
  }
  std::unordered_set<std::string> known;
  for (const auto& domain : tree.domains) {
    for (const auto& sample : domain.samples) {
      known.insert(key(sample.path));
    }
  }
  for (const auto& line : order.list) {
    if (known.count(key(line)) == 0) {
      throw DataError("order: expected images below " + tree.root.string() + ", found " + line + " in " +
                      order.list_file.string() + "; write paths as the predictions file does");
    }
  }
}

std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  std::mt19937_64 engine(seed);
  for (std::size_t left = indices.size(); left > 1; --left) {
    std::swap(indices[left - 1], indices[draw_below(left, engine)]);
  }
  return indices;
}

}  // namespace ttscale::data
