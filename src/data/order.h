// SPDX-License-Identifier: MIT
// The order in which the images of a domain are met: shuffled by seed, sorted by class, or given in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_tree.h"

namespace ttscale::data {

/// Kinds of order.
enum class OrderKind { kShuffled, kSorted, kListed };

/// An order as the user asked for it.
struct Order {
  OrderKind kind = OrderKind::kShuffled;
  std::uint64_t seed = 0;           ///< of kShuffled; each domain starts from it anew
  std::filesystem::path list_file;  ///< of kListed, for messages
  std::vector<std::string> list;    ///< of kListed: one path a line, as Sample::path is written
};

/// Reads "shuffled", "sorted" or "file:LIST"; the list is read here. Throws UsageError for another text, DataError for
/// a list that is missing, empty or names a path twice.
Order parse_order(const std::string& text, std::uint64_t seed = 0);

/// The samples of a domain in that order.
///  - kShuffled: sorted, then Fisher-Yates from the last element down with std::mt19937_64(seed), indices by rejection:
///    the same on every platform.
///  - kSorted: by label, then path.
///  - kListed: the lines that name images of this domain, in their order; images not listed are left out.
/// Throws DataError if a list names no image of the domain.
std::vector<Sample> arrange(const Domain& domain, const Order& order);

/// Throws DataError for a listed path that no domain of the tree has. Does nothing for the other kinds.
void check_order(const ImageTree& tree, const Order& order);

/// The permutation of 0 .. count-1 that kShuffled applies.
std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed);

}  // namespace ttscale::data
