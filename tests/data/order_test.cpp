// SPDX-License-Identifier: MIT
// Orders: the same shuffle everywhere, and lists.
#include "data/order.h"

#include <gmock/gmock.h>

#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

Domain make_domain() { return {"fog/5", {{"r/b/1.png", 1}, {"r/a/2.png", 0}, {"r/a/1.png", 0}, {"r/c/9.png", 2}}, {}}; }

std::vector<std::string> paths(const std::vector<Sample>& samples) {
  std::vector<std::string> result;
  for (const auto& sample : samples) {
    result.push_back(sample.path.string());
  }
  return result;
}

Order listed(const std::string& text) {
  const TempFolder folder;
  return parse_order("file:" + folder.write("list.txt", text).string());
}

TEST(Order, ShuffleIsTheSpecifiedOne) {
  // From a second implementation, in Python, of mt19937_64 and of the shuffle: these numbers must never change.
  EXPECT_THAT(shuffled_indices(10, 0), ElementsAre(7, 2, 0, 8, 3, 9, 6, 1, 5, 4));
  EXPECT_THAT(shuffled_indices(10, 42), ElementsAre(1, 7, 9, 0, 3, 8, 4, 2, 5, 6));
}

TEST(Order, ShuffleIsAPermutation) {
  std::vector<std::int64_t> indices = shuffled_indices(1000, 7);
  std::sort(indices.begin(), indices.end());
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(indices[static_cast<std::size_t>(i)], i);
  }
  EXPECT_TRUE(shuffled_indices(0, 1).empty());
  EXPECT_THAT(shuffled_indices(1, 1), ElementsAre(0));
}

TEST(Order, ShuffleDependsOnSeedAndNotOnTheOrderOfDiscovery) {
  Domain domain = make_domain();
  const auto first = paths(arrange(domain, parse_order("shuffled", 3)));
  std::swap(domain.samples[0], domain.samples[3]);
  EXPECT_EQ(paths(arrange(domain, parse_order("shuffled", 3))), first);
}

TEST(Order, SortedIsByLabelThenPath) {
  EXPECT_THAT(paths(arrange(make_domain(), parse_order("sorted"))),
              ElementsAre("r/a/1.png", "r/a/2.png", "r/b/1.png", "r/c/9.png"));
}

TEST(Order, ListGivesOrderAndSubset) {
  const Order order = listed("r/c/9.png\r\n./r//a/1.png\nother/x.png\n\n");
  const auto samples = arrange(make_domain(), order);
  EXPECT_THAT(paths(samples), ElementsAre("r/c/9.png", "r/a/1.png"));
  EXPECT_EQ(samples[0].label, 2);
}

TEST(Order, ListThatNamesNothingOfTheDomainIsRefused) {
  EXPECT_THAT(message_of<DataError>([] { arrange(make_domain(), listed("x.png\n")); }),
              AllOf(HasSubstr("domain 'fog/5'"), HasSubstr("found none"), HasSubstr("for example r/b/1.png")));
}

TEST(Order, ListedPathsMustBeInTheTree) {
  ImageTree tree;
  tree.root = "r";
  tree.domains = {make_domain()};
  EXPECT_NO_THROW(check_order(tree, listed("r/a/1.png\n")));
  EXPECT_NO_THROW(check_order(tree, parse_order("sorted")));
  EXPECT_THAT(message_of<DataError>([&] { check_order(tree, listed("r/a/1.png\nr/a/3.png\n")); }),
              AllOf(HasSubstr("images below r, found r/a/3.png in "), HasSubstr("list.txt")));
}

TEST(Order, ListMistakesAreNamed) {
  EXPECT_THAT(message_of<DataError>([] { listed("a.png\n./a.png\n"); }),
              HasSubstr("line 2: expected each image once, found ./a.png again"));
  EXPECT_THAT(message_of<DataError>([] { listed("\n"); }), HasSubstr("found an empty file"));
  EXPECT_THAT(message_of<DataError>([] { parse_order("file:no/such"); }), HasSubstr("cannot read no/such"));
}

TEST(Order, OtherNamesAreUsageErrors) {
  EXPECT_EQ(message_of<UsageError>([] { parse_order("random"); }),
            "order: expected shuffled, sorted, dirichlet:DELTA or file:LIST, found 'random'");
  for (const char* text : {"dirichlet", "dirichlet:", "dirichlet:x", "dirichlet:-1", "dirichlet:inf"}) {
    EXPECT_THAT(message_of<UsageError>([&] { parse_order(text); }), HasSubstr("expected dirichlet:DELTA")) << text;
  }
  EXPECT_THAT(message_of<UsageError>([] { parse_order("file:"); }), HasSubstr("found 'file:'"));
}

}  // namespace
}  // namespace ttscale::data
