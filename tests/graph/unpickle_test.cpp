// SPDX-License-Identifier: MIT
// Pickles from elsewhere: what a sound archive with an unsound pickle may not do.
#include <gmock/gmock.h>

#include <ATen/ATen.h>

#include "fuzz/pickled.h"
#include "graph/pickle.h"
#include "graph/pickled_tensor.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

std::string refusal(const std::string& pickle) {
  return testing::message_of<DataError>([&] { unpickle(fuzz::archive_of(pickle, {64})); });
}

/// The commands that build a tensor of 8 float64 numbers, with these sizes, strides and offset as commands.
std::string tensor(const std::string& offset, const std::string& sizes, const std::string& strides,
                   const std::string& count = "K\x08") {
  std::string commands = "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nDoubleStorage\nX\1\0\0\0"s;
  commands += "0X\3\0\0\0cpu"s + count + "tQ" + offset + sizes + strides;
  commands +=
      "\x89"
      "ccollections\nOrderedDict\n)RtR";
  return commands;
}

TEST(Unpickle, ReadsWhatPickleWrites) {
  const at::Tensor values = at::arange(6, at::kDouble).view({2, 3});
  c10::impl::GenericDict inner(c10::StringType::get(), c10::AnyType::get());
  inner.insert("tensor", values);
  inner.insert("again", values);
  c10::impl::GenericDict outer(c10::StringType::get(), c10::AnyType::get());
  outer.insert("small", 7);
  outer.insert("negative", -70000);
  outer.insert("large", std::int64_t{1} << 40);
  outer.insert("flag", true);
  outer.insert("text", "\xC3\xA4\n");
  outer.insert("names", c10::List<std::string>({"a", "b", "a"}));
  outer.insert("inner", inner);
  outer.insert("strided", values.t());
  outer.insert("float", at::ones({3}, at::kFloat));
  outer.insert("whole", at::scalar_tensor(5, at::kLong));

  const auto read = unpickle(pickle(outer)).toGenericDict();
  EXPECT_EQ(read.at("small").toInt(), 7);
  EXPECT_EQ(read.at("negative").toInt(), -70000);
  EXPECT_EQ(read.at("large").toInt(), std::int64_t{1} << 40);
  EXPECT_TRUE(read.at("flag").toBool());
  EXPECT_EQ(read.at("text").toStringRef(), "\xC3\xA4\n");
  EXPECT_EQ(read.at("names").toListRef().size(), 3U);
  EXPECT_EQ(read.at("names").toListRef()[2].toStringRef(), "a");
  const auto read_inner = read.at("inner").toGenericDict();
  EXPECT_TRUE(read_inner.at("tensor").toTensor().equal(values));
  EXPECT_TRUE(read_inner.at("again").toTensor().equal(values));
  EXPECT_TRUE(read.at("strided").toTensor().equal(values.t()));
  EXPECT_TRUE(read.at("float").toTensor().equal(at::ones({3}, at::kFloat)));
  EXPECT_TRUE(read.at("whole").toTensor().equal(at::scalar_tensor(5, at::kLong)));
}

TEST(Unpickle, ATensorStaysInsideItsValues) {
  const std::string start = "\x80\x02";
  const auto whole = unpickle(fuzz::archive_of(start + tensor("K\1", "K\2K\3\x86", "K\3K\1\x86") + ".", {64}));
  EXPECT_TRUE(whole.toTensor().equal(at::zeros({2, 3}, at::kDouble)));
  for (const std::string& outside :
       {tensor("K\1", "K\x08\x85", "K\1\x85"), tensor("K\0"s, "K\x09\x85", "K\1\x85"),
        tensor("J\xFF\xFF\xFF\xFF", "K\1\x85", "K\1\x85"), tensor("K\2", "K\2\x85", "J\xFF\xFF\xFF\xFF\x85"),
        tensor("K\0"s, "K\2K\3\x86", "K\1\x85"), tensor("K\7", "K\2\x85", "K\1\x85")}) {
    EXPECT_THAT(refusal(start + outside + "."), HasSubstr("beyond its values"));
  }
  EXPECT_THAT(refusal(start + tensor("K\1", "K\1\x85", "K\1\x85", "K\x07") + "."), HasSubstr("number of values"));
}

TEST(PickledTensor, IsNeverLargerThanItsValues) {
  const at::Tensor values = at::zeros({8}, at::kDouble);
  const auto refused = [&](const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides) {
    EXPECT_THROW(pickled_tensor(values, 0, sizes, strides), DataError);
  };
  const std::int64_t huge = std::int64_t{1} << 62;
  refused({9}, {0});
  refused({huge}, {0});
  refused({0, huge, huge}, {1, 1, 1});
  refused({2, 2}, {huge, huge});
  refused({3, 3}, {1, 1});
  refused(std::vector<std::int64_t>(9, 1), std::vector<std::int64_t>(9, 1));
  EXPECT_EQ(pickled_tensor(values, 8, {0}, {1}).numel(), 0);
  EXPECT_EQ(pickled_tensor(values, 7, {}, {}).numel(), 1);
  EXPECT_THROW(pickled_tensor(values, 8, {}, {}), DataError);
}

TEST(Unpickle, CallsNothing) {
  EXPECT_THAT(refusal("cos\nsystem\n)R."), HasSubstr("its pickle calls os system"));
  EXPECT_THAT(refusal("ccollections\nOrderedDict\nN\x85R."), HasSubstr("its pickle calls"));
}

TEST(Unpickle, ACommandNeedsWhatItTakes) {
  for (const char* commands : {"R.", "t.", "e.", "u.", "q\1.", "\x85.", "\x87.", "Q.", "(e.", "NR.", "(u.", "", "N"}) {
    EXPECT_THAT(refusal(commands), ::testing::AnyOf(HasSubstr("takes more than it has"), HasSubstr("ends too early")))
        << commands;
  }
  for (const char* commands : {"](Ne(.", "NN.", "(."}) {
    EXPECT_NE(refusal(commands), "(nothing was thrown)") << commands;
  }
  EXPECT_THAT(refusal("h\5."), HasSubstr("refers to what is not there"));
  EXPECT_THAT(refusal("}(Ne."), HasSubstr("no list"));
  EXPECT_THAT(refusal("}(Nu."), HasSubstr("no pairs"));
  EXPECT_THAT(refusal("}(NNu."), HasSubstr("no text"));
  EXPECT_THAT(refusal("i"), HasSubstr("does not write"));
}

TEST(Unpickle, NothingHoldsItselfAndNothingIsDeep) {
  EXPECT_THAT(refusal("]q\1(h\1e."), HasSubstr("refers to what is not there"));
  std::string deep = "N";
  for (int i = 0; i < 100'000; ++i) {
    deep += '\x85';
  }
  EXPECT_THAT(refusal(deep + "."), HasSubstr("nested too deep"));
  std::string lists;
  std::string ends;
  for (int i = 0; i < 40; ++i) {
    lists += "](";
    ends += "e";
  }
  EXPECT_THAT(refusal(lists + ends + "."), HasSubstr("nested too deep"));
}

}  // namespace
}  // namespace ttscale::graph
