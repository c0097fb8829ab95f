// SPDX-License-Identifier: MIT
// The order in which images are met: shuffled by seed, sorted by class, in runs of classes, or given in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_tree.h"

namespace ttscale::data {

/// Kinds of order.
enum class OrderKind { kShuffled, kSorted, kDirichlet, kListed };

/// An order as the user asked for it.
struct Order {
  OrderKind kind = OrderKind::kShuffled;
  std::uint64_t seed = 0;           ///< of kShuffled and kDirichlet; each domain starts from it anew
  double delta = 0.1;               ///< of kDirichlet: concentration, the smaller the longer the runs of one class
  std::filesystem::path list_file;  ///< of kListed, for messages
  std::vector<std::string> list;    ///< of kListed: one path a line, as Sample::path is written
};

/// Reads "shuffled", "sorted", "dirichlet:DELTA" or "file:LIST"; the list is read here. Throws UsageError for another
/// text, DataError for a list that is missing, empty or names a path twice.
Order parse_order(const std::string& text, std::uint64_t seed = 0);

/// The order in the text of a list; `file` is for messages. Throws DataError as parse_order().
Order parse_order_list(const std::string& text, const std::filesystem::path& file);

/// Indices of samples in that order.
///  - kShuffled: sorted, then Fisher-Yates from the last element down with std::mt19937_64(seed), indices by rejection:
///    the same on every platform.
///  - kSorted: by label, then path.
///  - kDirichlet: dirichlet_order() of the labels.
///  - kListed: the lines that name images of this domain, in their order; images not listed are left out.
/// Throws DataError if a list names no image of the domain.
std::vector<std::int64_t> arranged(const Domain& domain, const Order& order);

/// The samples of a domain in that order.
std::vector<Sample> arrange(const Domain& domain, const Order& order);

/// Throws DataError for a listed path that no domain of the tree has. Does nothing for the other kinds.
void check_order(const ImageTree& tree, const Order& order);

/// The permutation of 0 .. count-1 that kShuffled applies.
std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed);

}  // namespace ttscale::data
