// SPDX-License-Identifier: MIT
// CSV quoting, numbers and wrapping.
#include "report/format.h"

#include <gmock/gmock.h>

#include <limits>

#include "report/csv.h"

namespace ttscale::report {
namespace {

using ::testing::ElementsAre;

TEST(Csv, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(csv_field("gaussian_noise/5"), "gaussian_noise/5");
  EXPECT_EQ(csv_field("ema:momentum=0.1,order=use-update"), "\"ema:momentum=0.1,order=use-update\"");
  EXPECT_EQ(csv_field("say \"cheese\".png"), "\"say \"\"cheese\"\".png\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field(" edge"), "\" edge\"");
  EXPECT_EQ(csv_field(""), "");
}

TEST(Csv, JoinsFields) {
  EXPECT_EQ(csv_row({"a", "b,c", ""}), "a,\"b,c\",\n");
  EXPECT_EQ(csv_row({"", "", "x"}), ",,x\n");
}

TEST(Csv, NumbersDoNotDependOnTheLocale) {
  const char* locale = setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(csv_number(69.234, 4), "69.2340");
  EXPECT_EQ(csv_number(1e300, 0).size(), 301U);
  EXPECT_EQ(csv_number(std::numeric_limits<double>::quiet_NaN(), 2), "");
  EXPECT_EQ(csv_number(std::numeric_limits<double>::infinity(), 2), "inf");
  setlocale(LC_ALL, "C");
  (void)locale;
}

TEST(Format, PointsHaveASignUnlessTheyAreNone) {
  EXPECT_EQ(points(12.345), "+12.35");
  EXPECT_EQ(points(-0.1), "-0.10");
  EXPECT_EQ(points(0.001), "0.00");
  EXPECT_EQ(points(-0.001), "0.00");
}

TEST(Format, WidthCountsCharactersAndNotBytes) {
  EXPECT_EQ(display_width("n\u00e4he"), 4U);
  EXPECT_EQ(pad_left("\u00e4", 3), "  \u00e4");
  EXPECT_EQ(pad_right("\u00e4", 3), "\u00e4  ");
}

TEST(Format, ShortensInTheMiddle) {
  EXPECT_EQ(shorten("gaussian_noise/5", 16), "gaussian_noise/5");
  EXPECT_EQ(shorten("gaussian_noise/5", 11), "gaus...se/5");
  EXPECT_EQ(shorten("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", 7), "\u00e4\u00e4...\u00e4\u00e4");
}

TEST(Format, WrapsLabelsBehindSeparators) {
  EXPECT_THAT(wrap_label("source", 10), ElementsAre("source"));
  EXPECT_THAT(wrap_label("ema:momentum=0.1,order=use-update", 16),
              ElementsAre("ema:", "momentum=0.1,", "order=use-update"));
  EXPECT_THAT(wrap_label("ema:momentum=0.1,order=use-update", 20),
              ElementsAre("ema:momentum=0.1,", "order=use-update"));
}

TEST(Format, WrapsSentencesWithAnIndent) {
  EXPECT_EQ(wrap_sentence("one two three four", 9), "one two\n  three\n  four\n");
  EXPECT_EQ(wrap_sentence("unbreakable", 4), "unbreakable\n");
}

}  // namespace
}  // namespace ttscale::report
