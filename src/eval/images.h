// SPDX-License-Identifier: MIT
// The domains of an evaluation and their images, in the order and number that one setting asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "data/order.h"

namespace ttscale::eval {

/// One image as one domain shows it.
struct Item {
  std::int64_t domain = 0;  ///< index into Images::domains()
  std::int64_t sample = 0;  ///< index into the samples of the domain's folder
};

/// A domain as results name it. Several may show the images of one folder, each under a shift of its own.
struct EvalDomain {
  std::string name;
  std::size_t folder = 0;   ///< index into ImageTree::domains
  std::int64_t shift = -1;  ///< index into the shifts made on the fly; -1: the images as they are
};

/// Images of all domains. Holds references: tree and domains must outlive it.
class Images {
 public:
  /// `num_samples`: at most so many of each domain, the first of its order.
  Images(const data::ImageTree& tree, const std::vector<EvalDomain>& domains, data::Order order,
         std::optional<std::int64_t> num_samples)
      : tree_(tree), domains_(domains), order_(std::move(order)), num_samples_(num_samples) {}

  [[nodiscard]] const std::vector<EvalDomain>& domains() const { return domains_; }
  [[nodiscard]] std::uint64_t seed() const { return order_.seed; }

  /// The images of a domain in their order.
  [[nodiscard]] std::vector<Item> of(std::int64_t domain) const;

  /// Those of all domains, one after the other.
  [[nodiscard]] std::vector<Item> all() const;

  /// All that the tree has, whatever the order and the number asked for.
  [[nodiscard]] std::vector<Item> in_tree() const;

  /// At most so many of each domain are asked for.
  [[nodiscard]] std::optional<std::int64_t> num_samples() const { return num_samples_; }

  /// The labels of items.
  [[nodiscard]] std::vector<std::int64_t> labels(const std::vector<Item>& items) const;

  /// The path of an item's file below the data folder, with '/'.
  [[nodiscard]] std::string relative_path(const Item& item) const;

  /// The sample behind an item, with its domain filled in.
  [[nodiscard]] data::Sample sample(const Item& item) const;

 private:
  const data::ImageTree& tree_;
  const std::vector<EvalDomain>& domains_;
  data::Order order_;
  std::optional<std::int64_t> num_samples_;
};

}  // namespace ttscale::eval
