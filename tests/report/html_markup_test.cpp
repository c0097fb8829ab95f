// SPDX-License-Identifier: MIT
// Escaping, cleaning and numbers of pages.
#include "report/html/markup.h"

#include <gtest/gtest.h>

#include <limits>

#include "report/html/number.h"
#include "report/html/svg.h"

namespace ttscale::report::html {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(HtmlMarkup, TextOfUsersCannotBecomeMarkup) {
  EXPECT_EQ(text("<b a=\"1\" c='2'>&amp;").html, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
  EXPECT_EQ(element("p", {{"title", "\"><script>"}}, text("<")).html, "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;</p>");
}

TEST(HtmlMarkup, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(clean_utf8("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(clean_utf8("\xC3"), "\uFFFD");                                // cut short
  EXPECT_EQ(clean_utf8("\xC0\xAF"), "\uFFFD\uFFFD");                      // overlong '/'
  EXPECT_EQ(clean_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // half of a surrogate pair
  EXPECT_EQ(clean_utf8("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
  EXPECT_EQ(clean_utf8("\xE2\x82"), "\uFFFD\uFFFD");
}

TEST(HtmlMarkup, KeepsWhatIsUtf8) {
  const std::string all = "plain \u00E9 \u20AC \xF0\x9F\x98\x80 \u0416 \u4E2D\ttab\nline";
  EXPECT_EQ(clean_utf8(all), all);
}

TEST(HtmlMarkup, ReplacesControlCharacters) {
  EXPECT_EQ(clean_utf8(std::string("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(clean_utf8("\x1B[0m\x7F\u0085\uFFFF"), "\uFFFD[0m\uFFFD\uFFFD\uFFFD");
}

TEST(HtmlMarkup, LongNamesAreCutAndKeepTheirWhole) {
  const Markup short_name = name("fog/3");
  EXPECT_EQ(short_name.html, "<bdi>fog/<wbr/>3</bdi>");
  EXPECT_EQ(name("abcdefghijklmno", 9).html, "<bdi title=\"abcdefghijklmno\">abc.<wbr/>.<wbr/>.<wbr/>mno</bdi>");
}

TEST(HtmlMarkup, Base64IsThatOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
}

TEST(HtmlNumber, SignsAreTrueAndZeroHasNone) {
  EXPECT_EQ(number_words(-1.25, 1), "\u22121.2");
  EXPECT_EQ(signed_words(3, 1), "+3.0");
  EXPECT_EQ(signed_words(-0.04, 1), "0.0");
  EXPECT_EQ(signed_words(0.04, 1), "0.0");
}

TEST(HtmlNumber, WhatDoesNotExistIsADashThatExplainsItself) {
  for (const double value : {kNaN, kInf, -kInf}) {
    EXPECT_EQ(number_words(value, 2), "\u2013");
    EXPECT_EQ(signed_words(value, 2), "\u2013");
    EXPECT_NE(number(value, 2).html.find("title=\"no number"), std::string::npos);
  }
  EXPECT_EQ(interval_words(kNaN, 1, 1), "\u2013");
  EXPECT_EQ(p_value_words(kNaN), "\u2013");
}

TEST(HtmlNumber, CountsHaveThinSpaces) {
  EXPECT_EQ(count_words(999), "999");
  EXPECT_EQ(count_words(1234567), "1\u202F234\u202F567");
  EXPECT_EQ(p_value_words(0.0004), "< 0.001");
  EXPECT_EQ(p_value_words(0.034), "0.034");
}

TEST(HtmlSvg, TicksAreRoundAndInRange) {
  EXPECT_EQ(ticks(0, 100, 4), (std::vector<double>{0, 50, 100}));
  EXPECT_EQ(ticks(0, 100, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(ticks(-17, 38, 5), (std::vector<double>{0, 20}));
  EXPECT_EQ(ticks(3, 3, 5), (std::vector<double>{3}));
}

TEST(HtmlSvg, IsReadOutByTitleAndDescription) {
  const std::string html = Svg(10, 20, "x", "what <it> is", "more").markup().html;
  EXPECT_EQ(html,
            "<svg role=\"img\" aria-labelledby=\"x-title x-desc\" width=\"10\" height=\"20\" viewBox=\"0 0 10 20\">"
            "<title id=\"x-title\">what &lt;it&gt; is</title><desc id=\"x-desc\">more</desc></svg>");
}

TEST(HtmlSvg, NoCoordinateIsNaN) {
  Svg svg(10, 10, "x", "t", "d");
  svg.polyline({{1, kNaN}, {2, kInf}, {3, 4}}, "line");
  svg.circle({kNaN, 1}, 1, "dot");
  svg.label({1, kNaN}, "words", Anchor::kStart, {}, -40);
  const std::string html = svg.markup().html;
  EXPECT_EQ(html.find("inf"), std::string::npos);
  EXPECT_NE(html.find("points=\"3,4\""), std::string::npos);
  EXPECT_EQ(html.find("<circle"), std::string::npos);
  EXPECT_EQ(html.find("words"), std::string::npos);
}

}  // namespace
}  // namespace ttscale::report::html
