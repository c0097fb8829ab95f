// SPDX-License-Identifier: MIT
// Table, words and JSON of made-up times.
#include "report/forward_cost.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "ttscale/version.h"

namespace ttscale::report {
namespace {

using eval::BatchCost;
using eval::FormCost;
using eval::FormKind;
using ::testing::HasSubstr;

FormCost form(const std::string& name, FormKind kind, std::vector<double> times) {
  FormCost out;
  out.name = name;
  out.kind = kind;
  out.times = std::move(times);
  return out;
}

BatchCost example() {
  BatchCost cost;
  cost.batch_size = 16;
  cost.sites = 3;
  cost.forms = {form("original", FormKind::kUnadapted, {12, 12, 15}),
                form("frozen", FormKind::kUnadapted, {8, 10, 10}),
                form("optimized", FormKind::kUnadapted, {}),
                form("auto", FormKind::kAdapted, {10.4, 12, 15}),
                form("auto with guard", FormKind::kAdapted, {12, 12, 20, 12}),
                form("baked", FormKind::kBaked, {8, 10, 10})};
  cost.forms[2].not_timed = "LibTorch cannot make it: no such pass";
  cost.forms[3].rule = cost.forms[4].rule = "auto";
  cost.forms[3].state_bytes = cost.forms[4].state_bytes = 23400;
  cost.forms[4].guarded = true;
  cost.forms[4].note = "the model as it is answered";
  cost.forms[5].rule = "auto";
  return cost;
}

eval::CostOptions options() {
  eval::CostOptions out;
  out.preprocessing.img_size = image::Size{32, 48};
  out.measuring.rounds = 3;
  return out;
}

CostSetting setting() { return {"net.pt", "net.reference", 1'250'000, "Some CPU", 2}; }

TEST(CostTable, HasARowAFormReasonsNotesAndASentence) {
  EXPECT_EQ(cost_table(example(), options(), 80), R"(batch 16, images 3 x 32 x 48, 3 layers adapted
form                    median ms  x original  x fastest     quartiles  images/s  state kB
------------------------------------------------------------------------------------------
original                     12.0        1.00       1.50  1.35 to 1.50      1333         -
frozen                       10.0        0.67       1.00  1.00 to 1.00      1600         -
auto                         12.0        1.00       1.30  1.25 to 1.40      1333      23.4
auto with guard (mean)       14.0        1.08       1.50             -      1143      23.4
baked                        10.0        0.67       1.00  1.00 to 1.00      1600         -
optimized is not timed: LibTorch cannot make it: no such pass
note: auto with guard: the model as it is answered
At batch 16 auto costs 1.30 times the fastest unadapted form (frozen), auto with
  guard 1.50 and baked 1.00.
)");
}

TEST(CostTable, NoAdaptedFormIsSaid) {
  BatchCost cost = example();
  cost.forms.resize(2);
  EXPECT_THAT(cost_table(cost, options(), 80), HasSubstr("At batch 16 no adapted form could be timed."));
}

TEST(CostTable, SmallNumbersKeepThreeDigits) {
  BatchCost cost = example();
  cost.batch_size = 1;
  cost.forms = {form("original", FormKind::kUnadapted, {0.1234}), form("ema", FormKind::kAdapted, {1051.7})};
  const std::string table = cost_table(cost, options(), 80);
  EXPECT_THAT(table, HasSubstr("0.123"));
  EXPECT_THAT(table, HasSubstr("1052"));
  EXPECT_THAT(table, HasSubstr("0.951"));
}

TEST(CostHeading, NamesModelAndMachine) {
  EXPECT_EQ(cost_heading(setting(), options()),
            "net.pt: parameters 1.25 MB, reference net.reference\nSome CPU, device "
            "cpu, 2 threads, LibTorch " +
                torch_version() + "; 3 rounds after 3 to warm up\n");
}

TEST(CostJson, HoldsWhatWasMeasured) {
  const std::string text = cost_json(setting(), options(), {example()});
  EXPECT_EQ(text.back(), '\n');
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("format"), "ttscale bench");
  EXPECT_EQ(json.at("format_version"), 1);
  EXPECT_EQ(json.at("ttscale"), version());
  EXPECT_EQ(json.at("torch"), torch_version());
  EXPECT_EQ(json.at("model"), "net.pt");
  EXPECT_EQ(json.at("cpu"), "Some CPU");
  EXPECT_EQ(json.at("threads"), 2);
  EXPECT_EQ(json.at("parameter_bytes"), 1'250'000);
  EXPECT_EQ(json.at("img_size"), nlohmann::json({32, 48}));
  EXPECT_EQ(json.at("rounds"), 3);
  const auto& batch = json.at("batches").at(0);
  EXPECT_EQ(batch.at("batch_size"), 16);
  EXPECT_EQ(batch.at("fastest_unadapted"), "frozen");
  const auto& forms = batch.at("forms");
  ASSERT_EQ(forms.size(), 6U);
  EXPECT_EQ(forms[0].at("times_ms"), nlohmann::json({12.0, 12.0, 15.0}));
  EXPECT_FALSE(forms[0].contains("state_bytes"));
  EXPECT_EQ(forms[2].at("not_timed"), "LibTorch cannot make it: no such pass");
  EXPECT_FALSE(forms[2].contains("times_ms"));
  EXPECT_EQ(forms[3].at("kind"), "adapted");
  EXPECT_EQ(forms[3].at("median_ms"), 12.0);
  EXPECT_EQ(forms[3].at("ratio_to_fastest_unadapted").at("median"), 1.3);
  EXPECT_EQ(forms[3].at("state_bytes"), 23400);
  EXPECT_EQ(forms[4].at("guarded"), true);
  EXPECT_EQ(forms[4].at("mean_ms"), 14.0);
  EXPECT_EQ(forms[4].at("note"), "the model as it is answered");
  EXPECT_EQ(forms[5].at("kind"), "baked");
}

}  // namespace
}  // namespace ttscale::report
