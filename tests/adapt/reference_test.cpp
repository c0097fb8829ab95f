// SPDX-License-Identifier: MIT
// Reference files: what comes back, what is refused, and what Python makes of them.
#include "ttscale/reference.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "adapt/calibrated.h"
#include "folder_test.h"
#include "graph/pickle.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::clean_images;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::measured;
using testing::message;
using testing::with;

class ReferenceFileTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    at::manual_seed(22);
    reference_ = measured(load_archive("mixed.folded"), clean_images(12));
    reference_.preprocessing = "8x8, mean 0.5";
  }

  std::filesystem::path saved() const {
    reference_.save(folder / "net.reference");
    return folder / "net.reference";
  }
  static std::string refusal(const std::filesystem::path& file) {
    return message<DataError>([&] { Reference::load(file); });
  }
  /// A file whose dictionary was changed.
  std::filesystem::path changed(const std::function<void(c10::impl::GenericDict&)>& change) const {
    auto dictionary = graph::unpickle(testing::read_file(saved())).toGenericDict();
    change(dictionary);
    std::ofstream(folder / "changed.reference", std::ios::binary) << graph::pickle(dictionary);
    return folder / "changed.reference";
  }
  /// A file in which one number of the first site is another.
  std::filesystem::path with_site(const char* field, const c10::IValue& value) const {
    return changed([&](c10::impl::GenericDict& dictionary) {
      auto site = dictionary.at("sites").toListRef()[0].toGenericDict();
      site.insert_or_assign(field, value);
    });
  }

  Reference reference_;
};

TEST_F(ReferenceFileTest, ComesBackAsItWas) {
  const Reference loaded = Reference::load(saved());
  EXPECT_THAT(names(), ElementsAre("net.reference"));
  EXPECT_EQ(loaded.model, reference_.model);
  EXPECT_EQ(loaded.preprocessing, "8x8, mean 0.5");
  EXPECT_EQ(loaded.images, 12);
  EXPECT_TRUE(loaded.input_mean.equal(reference_.input_mean));
  EXPECT_TRUE(loaded.input_var.equal(reference_.input_var));
  ASSERT_EQ(loaded.sites.size(), 3U);
  for (std::size_t i = 0; i < loaded.sites.size(); ++i) {
    EXPECT_EQ(loaded.sites[i].name, reference_.sites[i].name);
    EXPECT_TRUE(loaded.sites[i].mean.equal(reference_.sites[i].mean));
    EXPECT_TRUE(loaded.sites[i].var.equal(reference_.sites[i].var));
    EXPECT_TRUE(loaded.sites[i].eps.equal(reference_.sites[i].eps));
    EXPECT_EQ(loaded.sites[i].uncertainty, reference_.sites[i].uncertainty);
  }
  const at::Tensor x = clean_images(6) * 2;
  Stream from_file = adapt(load_archive("mixed.folded"), with("batch", loaded)).stream();
  Stream from_memory = adapt(load_archive("mixed.folded"), with("batch", reference_)).stream();
  EXPECT_TRUE(from_file.forward(x).equal(from_memory.forward(x)));
}

TEST_F(ReferenceFileTest, OfATwinHasNoInputAndNoImages) {
  const Reference twin = reference_from_twin(load_archive("net.folded"), load_archive("net.scripted"));
  EXPECT_EQ(twin.images, 0);
  EXPECT_FALSE(twin.input_mean.defined());
  twin.save(folder / "twin.reference");
  const Reference loaded = Reference::load(folder / "twin.reference");
  EXPECT_FALSE(loaded.input_mean.defined());
  EXPECT_EQ(loaded.images, 0);
  ASSERT_EQ(loaded.sites.size(), 2U);
  EXPECT_TRUE(loaded.sites[1].eps.equal(twin.sites[1].eps));
}

TEST_F(ReferenceFileTest, IsRefusedWhenDamaged) {
  const std::string bytes = testing::read_file(saved());
  const auto damaged = folder / "damaged.reference";
  const auto write = [&](const std::string& content) { std::ofstream(damaged, std::ios::binary) << content; };
  for (const std::size_t length : {std::size_t{0}, std::size_t{10}, bytes.size() / 2, bytes.size() - 1}) {
    write(bytes.substr(0, length));
    EXPECT_THAT(refusal(damaged), AllOf(HasSubstr("damaged.reference is"), HasSubstr("ttscale calibrate"))) << length;
  }
  write("this is no reference");
  EXPECT_THAT(refusal(damaged), AllOf(HasSubstr("reference file"), HasSubstr("ttscale calibrate")));
  EXPECT_THAT(refusal(folder / "missing.reference"),
              AllOf(HasSubstr("cannot read reference file"), HasSubstr("missing.reference")));
  EXPECT_THAT(refusal(folder), HasSubstr(folder.string()));
}

TEST_F(ReferenceFileTest, OtherFilesOfOursAreRefused) {
  adapt(load_archive("net.scripted")).stream().save(folder / "camera.state");
  EXPECT_THAT(refusal(folder / "camera.state"), HasSubstr("is no reference file"));
  EXPECT_THAT(refusal(testing::archive_path("net.scripted")), HasSubstr("reference file"));
  Stream stream = adapt(load_archive("net.scripted")).stream();
  const auto reference = saved();
  EXPECT_THAT(message<DataError>([&] { stream.load(reference); }), HasSubstr("is no state file"));
}

TEST_F(ReferenceFileTest, NumbersThatNoMomentsCanBeAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto four = [](double value) { return at::full({4}, value, at::kDouble); };
  const std::string first = reference_.sites[0].name;
  for (const char* field : {"mean", "var", "eps"}) {
    EXPECT_THAT(refusal(with_site(field, four(nan))), AllOf(HasSubstr(first), HasSubstr("finite float64"))) << field;
    EXPECT_THAT(refusal(with_site(field, at::ones({4}))), HasSubstr("finite float64 [C], found Float")) << field;
    EXPECT_THAT(refusal(with_site(field, at::ones({2, 2}, at::kDouble))), HasSubstr("[2, 2]")) << field;
    EXPECT_THAT(refusal(with_site(field, c10::IValue("text"))), HasSubstr("damaged")) << field;
  }
  for (const char* field : {"var", "eps"}) {
    EXPECT_THAT(refusal(with_site(field, four(-1))), AllOf(HasSubstr(first), HasSubstr("none negative"))) << field;
    EXPECT_THAT(refusal(with_site(field, at::ones({3}, at::kDouble))), HasSubstr("one a channel")) << field;
  }
}

TEST_F(ReferenceFileTest, AnUncertaintyThatIsNoNumberIsRefused) {
  EXPECT_THAT(refusal(with_site("uncertainty", c10::IValue("text"))), HasSubstr("damaged"));
  EXPECT_THAT(refusal(with_site("uncertainty", at::ones({2}, at::kDouble))), HasSubstr("damaged"));
}

TEST_F(ReferenceFileTest, MissingEntriesAndOtherVersionsAreRefused) {
  for (const char* key : {"model", "sites", "images", "preprocessing", "format_version", "input_var"}) {
    EXPECT_THAT(refusal(changed([&](c10::impl::GenericDict& d) { (void)d.erase(key); })),
                HasSubstr("an entry is missing"))
        << key;
  }
  EXPECT_THAT(refusal(changed([](c10::impl::GenericDict& d) { d.insert_or_assign("format_version", 99); })),
              AllOf(HasSubstr("format version 99"), HasSubstr("reads 1")));
  EXPECT_THAT(refusal(changed([](c10::impl::GenericDict& d) { (void)d.erase("format"); })),
              HasSubstr("is no reference file"));
}

TEST_F(ReferenceFileTest, WhatCannotBeWrittenIsSaid) {
  EXPECT_THROW(reference_.save(folder / "none" / "net.reference"), Error);
  EXPECT_THROW(reference_.save("/dev/full"), Error);
  EXPECT_THAT(names(), ElementsAre());
}

TEST_F(ReferenceFileTest, OfAnotherModelIsRefused) {
  for (const char* name : {"mixed", "net.folded", "net.scripted"}) {
    EXPECT_THAT(message<ModelError>([&] { adapt(load_archive(name), with("batch", reference_)); }),
                AllOf(HasSubstr("the reference belongs to another model"), HasSubstr(reference_.model)))
        << name;
  }
}

TEST_F(ReferenceFileTest, SitesThatTheModelDoesNotHaveAreRefused) {
  Reference renamed = reference_;
  renamed.sites[1].name = "layer9";
  EXPECT_THAT(message<ModelError>([&] { adapt(load_archive("mixed.folded"), with("batch", renamed)); }),
              AllOf(HasSubstr("the site layer9"), HasSubstr("calibrate again")));
  Reference narrow = reference_;
  for (at::Tensor* t : {&narrow.sites[0].mean, &narrow.sites[0].var, &narrow.sites[0].eps}) {
    *t = t->narrow(0, 0, 3);
  }
  EXPECT_THAT(message<ModelError>([&] { adapt(load_archive("mixed.folded"), with("batch", narrow)); }),
              AllOf(HasSubstr(narrow.sites[0].name), HasSubstr("3 channels, the model 4")));
}

// The path that reaches users of the Python API: no code of ours, no pickled classes.
TEST_F(ReferenceFileTest, PythonReadsItAndAStateFileWithWeightsOnly) {
  std::string python;
  for (const char* candidate : {"python3", "/usr/bin/python3"}) {
    if (std::system((std::string(candidate) + " -c 'import torch' >/dev/null 2>&1").c_str()) == 0) {
      python = candidate;
      break;
    }
  }
  if (python.empty()) {
    GTEST_SKIP() << "NOT TESTED: no python3 with torch is at hand, so nobody has read the file with torch.load";
  }
  std::ofstream(folder / "read.py") << R"(
import sys, torch
d = torch.load(sys.argv[1], weights_only=True)
assert d["format"] == "ttscale-reference" and d["images"] == 12, d
assert [s["name"] for s in d["sites"]] == ["convolution_0", "batch_norm_0", "convolution_1"], d
for s in d["sites"]:
    assert s["mean"].dtype == s["var"].dtype == s["eps"].dtype == torch.float64 and s["mean"].shape == (4,)
state = torch.load(sys.argv[2], weights_only=True)
assert state["format"] == "ttscale-state" and state["rule"] == "ema" and state["images"] == 6, state
assert state["sites"] == ["stem.1", "bn2"] and state["state"].dtype == torch.float64, state
print(f"{d['model']} {d['sites'][2]['var'].sum().item():.12e} {d['input_mean'].sum().item():.12e}")
)";
  Stream stream = adapt(load_archive("net.scripted"), with("ema")).stream();
  stream.forward(clean_images(6));
  stream.save(folder / "camera.state");
  const std::string command = python + " -W ignore " + (folder / "read.py").string() + " " + saved().string() + " " +
                              (folder / "camera.state").string() + " > " + (folder / "out.txt").string() + " 2> " +
                              (folder / "err.txt").string();
  ASSERT_EQ(std::system(command.c_str()), 0) << testing::read_file(folder / "err.txt");
  std::array<char, 100> want{};
  std::snprintf(want.data(), want.size(), "%s %.12e %.12e\n", reference_.model.c_str(),
                reference_.sites[2].var.sum().item<double>(), reference_.input_mean.sum().item<double>());
  EXPECT_EQ(testing::read_file(folder / "out.txt"), want.data());
}

}  // namespace
}  // namespace ttscale
