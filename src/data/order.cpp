// SPDX-License-Identifier: MIT
// Orders of samples.
#include "data/order.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/message_text.h"
#include "data/dirichlet.h"
#include "data/random.h"
#include "data/text_lines.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

// One spelling for "./a//b" and "a/b".
std::string key(const std::filesystem::path& path) { return path.lexically_normal().string(); }

std::vector<std::int64_t> sorted(const Domain& domain) {
  std::vector<std::int64_t> indices(domain.samples.size());
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  std::sort(indices.begin(), indices.end(), [&](std::int64_t i, std::int64_t j) {
    const Sample& a = domain.samples[static_cast<std::size_t>(i)];
    const Sample& b = domain.samples[static_cast<std::size_t>(j)];
    return a.label != b.label ? a.label < b.label : a.path.native() < b.path.native();
  });
  return indices;
}

std::vector<std::int64_t> picked(const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& places) {
  std::vector<std::int64_t> indices;
  indices.reserve(places.size());
  for (const std::int64_t place : places) {
    indices.push_back(from[static_cast<std::size_t>(place)]);
  }
  return indices;
}

std::vector<std::int64_t> correlated(const Domain& domain, const Order& order) {
  const std::vector<std::int64_t> from = sorted(domain);
  std::vector<std::int64_t> labels;
  labels.reserve(from.size());
  for (const std::int64_t index : from) {
    labels.push_back(domain.samples[static_cast<std::size_t>(index)].label);
  }
  return picked(from, dirichlet_order(labels, order.delta, order.seed));
}

std::vector<std::int64_t> listed(const Domain& domain, const Order& order) {
  std::unordered_map<std::string, std::int64_t> by_path;
  for (std::size_t i = 0; i < domain.samples.size(); ++i) {
    by_path.emplace(key(domain.samples[i].path), static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> indices;
  for (const auto& line : order.list) {
    if (const auto found = by_path.find(key(line)); found != by_path.end()) {
      indices.push_back(found->second);
    }
  }
  if (indices.empty()) {
    throw DataError(
        "order: expected images of domain '" + domain.name + "' in " + order.list_file.string() +
        ", found none; write paths as the predictions file does, for example " +
        (domain.samples.empty() ? std::string("DATA/class/image.png") : domain.samples.front().path.string()));
  }
  return indices;
}

std::vector<std::string> checked_list(std::vector<std::string> lines, const std::filesystem::path& file) {
  std::vector<std::string> paths;
  std::unordered_set<std::string> seen;
  std::size_t number = 0;
  for (auto& line : lines) {
    ++number;
    if (line.empty()) {
      continue;
    }
    if (!seen.insert(key(line)).second) {
      throw DataError(file.string() + ": line " + std::to_string(number) + ": expected each image once, found " +
                      shown(line) + " again");
    }
    paths.push_back(std::move(line));
  }
  if (paths.empty()) {
    throw DataError("order: expected one image path a line, found an empty file: " + file.string());
  }
  return paths;
}

double read_delta(const std::string& text) {
  constexpr std::size_t kName = 10;  // "dirichlet:"
  const std::string number = text.size() > kName && text[kName - 1] == ':' ? text.substr(kName) : std::string();
  char* end = nullptr;
  const double delta = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !(delta >= 0) || !std::isfinite(delta)) {
    throw UsageError("order: expected dirichlet:DELTA with a number of 0 (one class after the other) or more, found '" +
                     shown(text) + "'");
  }
  return delta;
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
  if (text.rfind("dirichlet", 0) == 0) {
    order.kind = OrderKind::kDirichlet;
    order.delta = read_delta(text);
    return order;
  }
  if (text.rfind(kFile, 0) != 0 || text == kFile) {
    throw UsageError("order: expected shuffled, sorted, dirichlet:DELTA or file:LIST, found '" + shown(text) + "'");
  }
  order.kind = OrderKind::kListed;
  order.list_file = text.substr(std::string(kFile).size());
  order.list = checked_list(read_lines(order.list_file), order.list_file);
  return order;
}

Order parse_order_list(const std::string& text, const std::filesystem::path& file) {
  Order order;
  order.kind = OrderKind::kListed;
  order.list_file = file;
  order.list = checked_list(split_lines(text, file), file);
  return order;
}

std::vector<std::int64_t> arranged(const Domain& domain, const Order& order) {
  switch (order.kind) {
    case OrderKind::kShuffled:
      return picked(sorted(domain), shuffled_indices(static_cast<std::int64_t>(domain.samples.size()), order.seed));
    case OrderKind::kSorted:
      return sorted(domain);
    case OrderKind::kDirichlet:
      return correlated(domain, order);
    case OrderKind::kListed:
      break;
  }
  return listed(domain, order);
}

std::vector<Sample> arrange(const Domain& domain, const Order& order) {
  std::vector<Sample> samples;
  samples.reserve(domain.samples.size());
  for (const std::int64_t index : arranged(domain, order)) {
    samples.push_back(domain.samples[static_cast<std::size_t>(index)]);
  }
  return samples;
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
      throw DataError("order: expected images below " + tree.root.string() + ", found " + shown(line) + " in " +
                      order.list_file.string() + "; write paths as the predictions file does");
    }
  }
}

std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  std::mt19937_64 engine(seed);
  shuffle(indices, engine);
  return indices;
}

}  // namespace ttscale::data
