// SPDX-License-Identifier: MIT
// Streams in which images of one class come in runs.
#pragma once

#include <cstdint>
#include <vector>

namespace ttscale::data {

/// Places 0 .. labels.size()-1 in an order in which classes are correlated, as in NOTE (Gong et al. 2022): the stream
/// has max(10, number of classes) slots; the images of each class are spread over the slots by shares drawn from a
/// symmetric Dirichlet distribution of concentration `delta`; inside a slot the classes follow each other in random
/// order. Small delta: long runs. `delta` 0 is the limit of one slot: one class after the other, in random order.
/// Images of a class keep random order everywhere. The same for the same labels and seed.
std::vector<std::int64_t> dirichlet_order(const std::vector<std::int64_t>& labels, double delta, std::uint64_t seed);

}  // namespace ttscale::data
