// SPDX-License-Identifier: MIT
// Rules as text: what is read, written and refused.
#include <gmock/gmock.h>

#include "stats/rule_traits.h"
#include "ttscale/error.h"
#include "ttscale/rule.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RuleText, ReadsFields) {
  const auto ema =
      std::get<rule::Ema>(parse_rule("ema:momentum=0.25,order=use-update,variance=biased,mixing=total,eps=1e-3"));
  EXPECT_EQ(ema.momentum, 0.25);
  EXPECT_EQ(ema.order, Order::kUseUpdate);
  EXPECT_EQ(ema.variance, Variance::kBiased);
  EXPECT_EQ(ema.mixing, Mixing::kTotal);
  EXPECT_EQ(ema.eps, 1e-3);
  EXPECT_EQ(std::get<rule::Prior>(parse_rule("prior:count=16")).count, 16);
  EXPECT_EQ(std::get<rule::Alpha>(parse_rule("alpha:weight=0.3")).weight, 0.3);
}

TEST(RuleText, ASampleMayBeAFraction) {
  const auto ema = std::get<rule::Ema>(parse_rule("ema:sample=1/4,lag=1"));
  EXPECT_EQ(ema.sample, 0.25);
  EXPECT_TRUE(ema.lag);
  EXPECT_EQ(to_string(ema), "ema:sample=0.25,lag=1");
  EXPECT_EQ(to_string(parse_rule("batch:sample=0.5,lag=0")), "batch:sample=0.5");
  EXPECT_EQ(std::get<rule::Ema>(parse_rule("ema:sample=2/3")).sample, 2.0 / 3);
  EXPECT_EQ(to_string(parse_rule(to_string(parse_rule("ema:sample=2/3")))), to_string(parse_rule("ema:sample=2/3")));
}

TEST(RuleText, DefaultsAreThePublishedOnes) {
  EXPECT_EQ(std::get<rule::Batch>(parse_rule("batch")).variance, Variance::kBiased);
  for (const char* name : {"prior", "alpha", "ema", "cumulative", "dua"}) {
    std::visit(
        [&](const auto& r) {
          using T = std::decay_t<decltype(r)>;
          if constexpr (stats::has_common_fields<T>) {
            EXPECT_EQ(r.variance, Variance::kUnbiased) << name;
            EXPECT_FALSE(r.eps.has_value()) << name;
          }
        },
        parse_rule(name));
  }
}

TEST(RuleText, WritesWhatDiffersFromTheDefaults) {
  EXPECT_EQ(to_string(rule::Ema{}), "ema");
  EXPECT_EQ(to_string(rule::Auto{}), "auto");
  EXPECT_EQ(to_string(parse_rule("auto:memory_diverse=64,weight=0.6")), "auto:memory_diverse=64");
  EXPECT_EQ(to_string(rule::Prior{32, Variance::kBiased, Mixing::kConvex, 0.001}),
            "prior:count=32,variance=biased,eps=0.001");
  EXPECT_EQ(to_string(parse_rule("dua:decay=0.5,initial=0.1")), "dua:decay=0.5");
}

TEST(RuleText, PublishedIsAWordThatStandsBesideFields) {
  EXPECT_FALSE(std::get<rule::UnMixTns>(parse_rule("unmixtns")).published);
  for (const char* text : {"unmixtns:published,components=128", "unmixtns:components=128,published"}) {
    const auto unmixtns = std::get<rule::UnMixTns>(parse_rule(text));
    EXPECT_TRUE(unmixtns.published);
    EXPECT_EQ(unmixtns.components, 128);
    EXPECT_EQ(to_string(unmixtns), "unmixtns:published,components=128");
  }
  for (const char* text :
       {"iabn:published", "iabn:published,k=3", "tbr:published", "adamixbn:published", "medbn:published",
        "mixnorm:published,weight=0.1", "tema:published,table=imagenet", "rotta:published,slots=8"}) {
    EXPECT_EQ(to_string(parse_rule(text)), text);
  }
}

struct BadText {
  const char* text;
  std::vector<const char*> says;
};

class BadRule : public ::testing::TestWithParam<BadText> {};

TEST_P(BadRule, IsRefusedInOneLineThatListsWhatIsValid) {
  try {
    parse_rule(GetParam().text);
    FAIL();
  } catch (const UsageError& error) {
    for (const char* part : GetParam().says) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadRule,
    ::testing::Values(
        BadText{"tent",
                {"unknown rule 'tent'",
                 "source, batch, prior, alpha, ema, cumulative, dua, auto, iabn, rbn, tbr, adamixbn, unmixtns, medbn, "
                 "mixnorm, tema, rotta, ttn"}},
        BadText{"ema:published",
                {"'ema' has no variant 'published'", "iabn, tbr, adamixbn, unmixtns, medbn, mixnorm, tema, rotta"}},
        BadText{"rbn:momentum=0.1,published", {"'rbn' has no variant 'published'"}},
        BadText{"ttn:published", {"'ttn' has no variant 'published'"}}, BadText{"ttn:weight=1", {"takes none"}},
        BadText{"iabn:publish", {"expected field=value", "'publish'"}},
        BadText{"iabn:published=1", {"'published' takes no value", "iabn:published"}},
        BadText{"tbr:published,published", {"'published' stands twice"}},
        BadText{"tbr:published,", {"expected field=value"}}, BadText{"medbn:k=1", {"no field 'k'"}},
        BadText{"unmixtns:components=1.5", {"components", "whole number", "1.5"}},
        BadText{"unmixtns:components=0", {"components", "from 1 to 1024"}},
        BadText{"rotta:slots=2.5", {"slots", "whole number"}}, BadText{"rotta:slots=0", {"from 1 to 1024"}},
        BadText{"tema:table=mnist", {"cifar, imagenet"}}, BadText{"", {"unknown rule ''"}},
        BadText{"ema:speed=1", {"no field 'speed'", "momentum, order, variance, mixing, part, eps, sample, lag"}},
        BadText{"ema:lag=1", {"lag=1", "sample=1/4"}}, BadText{"batch:lag=1,sample=1", {"lag=1", "sample=1/4"}},
        BadText{"ema:lag=2", {"lag must be one of 0, 1"}}, BadText{"ema:sample=0", {"sample", "0 (excluded) to 1"}},
        BadText{"ema:sample=3/2", {"sample", "found 1.5"}}, BadText{"ema:sample=1/0", {"found '1/0'"}},
        BadText{"ema:sample=1/2/2", {"found '1/2/2'"}}, BadText{"ema:sample=/2", {"found '/2'"}},
        BadText{"ema:sample=1/", {"found '1/'"}}, BadText{"auto:sample=1/4", {"no field 'sample'"}},
        BadText{"dua:order=use-update,sample=1/2", {"does not go with order=use-update", "lag=1"}},
        BadText{"source:count=1", {"takes none"}}, BadText{"ema:momentum=2", {"momentum", "from 0 to 1", "found 2"}},
        BadText{"ema:momentum=abc", {"found 'abc'"}}, BadText{"ema:momentum=0,1", {"found '1'", "field=value"}},
        BadText{"ema:momentum=nan", {"found 'nan'"}}, BadText{"ema:momentum=", {"found ''"}},
        BadText{"prior:count=-1", {">= 0"}}, BadText{"prior:eps=0", {"> 0"}},
        BadText{"ema:order=sometimes", {"update-use, use-update", "'sometimes'"}},
        BadText{"ema:momentum=.1,momentum=.2", {"set twice"}}, BadText{"ema:", {"expected field=value"}},
        BadText{"ema:momentum=0.1,", {"expected field=value"}}, BadText{"auto:shift=0", {"auto", "shift"}},
        BadText{"auto:block=0.5", {"block"}}, BadText{"dua:initial=1,decay=1,floor=1", {"first momentum"}}));

TEST(RuleText, HelpNamesEveryRuleAndField) {
  EXPECT_THAT(describe_rules(),
              AllOf(HasSubstr("source"), HasSubstr("momentum=0.1"), HasSubstr("update-use|use-update"),
                    HasSubstr("eps=layer's"), HasSubstr("unmixtns: published, components=16"),
                    HasSubstr("one forward a batch")));
}

}  // namespace
}  // namespace ttscale
