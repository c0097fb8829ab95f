// SPDX-License-Identifier: MIT
// Orders in runs of classes hold what their definition says.
#include "data/dirichlet.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

namespace ttscale::data {
namespace {

std::vector<std::int64_t> labels_of(int classes, int each) {
  std::vector<std::int64_t> labels;
  for (int i = 0; i < classes * each; ++i) {
    labels.push_back(i % classes);
  }
  return labels;
}

int changes(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& order) {
  int count = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    count += labels[static_cast<std::size_t>(order[i])] != labels[static_cast<std::size_t>(order[i - 1])] ? 1 : 0;
  }
  return count;
}

TEST(Dirichlet, IsAPermutationAndTheSameForTheSameSeed) {
  const auto labels = labels_of(10, 40);
  for (const double delta : {0.0, 1e-4, 0.1, 1.0, 100.0}) {
    auto order = dirichlet_order(labels, delta, 5);
    EXPECT_EQ(dirichlet_order(labels, delta, 5), order);
    EXPECT_NE(dirichlet_order(labels, delta, 6), order);
    std::sort(order.begin(), order.end());
    std::vector<std::int64_t> all(labels.size());
    std::iota(all.begin(), all.end(), std::int64_t{0});
    EXPECT_EQ(order, all) << delta;
  }
}

TEST(Dirichlet, SmallerDeltaGivesLongerRuns) {
  const auto labels = labels_of(10, 100);
  EXPECT_EQ(changes(labels, dirichlet_order(labels, 0, 1)), 9);
  const int tight = changes(labels, dirichlet_order(labels, 0.01, 1));
  const int loose = changes(labels, dirichlet_order(labels, 0.3, 1));
  const int even = changes(labels, dirichlet_order(labels, 1000, 1));
  EXPECT_LT(tight, loose);
  EXPECT_LT(loose, even);
  EXPECT_GE(even, 90);  // every class once in each of the ten slots; ends of slots may match
}

TEST(Dirichlet, TakesFewAndNoImages) {
  EXPECT_TRUE(dirichlet_order({}, 0.1, 1).empty());
  EXPECT_EQ(dirichlet_order({7}, 0.1, 1), std::vector<std::int64_t>{0});
}

}  // namespace
}  // namespace ttscale::data
