// SPDX-License-Identifier: MIT
// Weights of the rule ttn from calibration under shifts to streams, their files and their archives.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "adapt/calibrated.h"
#include "adapt/stream_state.h"
#include "folder_test.h"
#include "graph/pickle.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using testing::at_path;
using testing::clean_images;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::message;
using testing::run;
using testing::with;

/// The images under two shifts; of the second fewer.
struct Domains {
  at::Tensor clean, dark, noisy;
};

Domains domains(std::int64_t n = 20) {
  const at::Tensor clean = clean_images(n);
  const at::Tensor dark = clean * 0.4 - 1;
  const at::Tensor noisy = clean.narrow(0, 0, n - 6) + at::randn({n - 6, 3, 8, 8}) + 0.8;
  return {clean, dark, noisy};
}

Reference weighed(const torch::jit::Module& module, const Domains& images, std::int64_t batch = 7,
                  const std::vector<std::string>& features = {}) {
  Calibration calibration(module, features);
  for (const at::Tensor& part : images.clean.split(batch)) {
    calibration.add(part);
  }
  for (const at::Tensor& part : images.dark.split(batch)) {
    calibration.add_shifted("dark", part);
  }
  for (const at::Tensor& part : images.noisy.split(batch)) {
    calibration.add_shifted("noisy", part);
  }
  return calibration.result();
}

class TtnTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    at::manual_seed(31);
  }
};

/// Means of single images, by image and channel.
std::vector<std::vector<double>> image_means(const at::Tensor& features) {
  const at::Tensor rows = features.to(at::kDouble).flatten(2).contiguous();
  std::vector<std::vector<double>> out;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    out.emplace_back();
    for (std::int64_t c = 0; c < rows.size(1); ++c) {
      double sum = 0;
      for (std::int64_t p = 0; p < rows.size(2); ++p) {
        sum += rows[i][c][p].item<double>();
      }
      out.back().push_back(sum / static_cast<double>(rows.size(2)));
    }
  }
  return out;
}

double mean_of(const std::vector<std::vector<double>>& images, std::size_t c) {
  double sum = 0;
  for (const auto& image : images) {
    sum += image[c];
  }
  return sum / static_cast<double>(images.size());
}

/// T and S of every channel by loops over the means of images.
void expect_weights(const ReferenceSite& site, const at::Tensor& clean, const std::vector<at::Tensor>& shifted) {
  const auto source = image_means(clean);
  std::vector<std::vector<std::vector<double>>> images;
  for (const at::Tensor& domain : shifted) {
    images.push_back(image_means(domain));
  }
  ASSERT_EQ(site.domain_shift.numel(), clean.size(1));
  for (std::size_t c = 0; c < source.front().size(); ++c) {
    double squares = 0;
    double degrees = 0;
    for (const auto& domain : images) {
      for (const auto& image : domain) {
        squares += std::pow(image[c] - mean_of(domain, c), 2);
      }
      degrees += static_cast<double>(domain.size() - 1);
    }
    const double spread = squares / degrees;
    double shift = 0;
    for (const auto& domain : images) {
      shift += (std::pow(mean_of(domain, c) - mean_of(source, c), 2) - spread / static_cast<double>(domain.size())) /
               static_cast<double>(images.size());
    }
    shift = std::max(shift, 0.0);
    const auto channel = static_cast<std::int64_t>(c);
    EXPECT_NEAR(site.image_spread[channel].item<double>(), spread, 1e-5 * spread) << site.name << ' ' << c;
    EXPECT_NEAR(site.domain_shift[channel].item<double>(), shift, 1e-5 * (shift + spread)) << site.name << ' ' << c;
  }
}

TEST_F(TtnTest, WeightsAreThoseOfLoopsOverImages) {
  const at::NoGradGuard no_grad;
  const Domains images = domains();
  const auto net = load_archive("net.scripted");
  const auto first = [&](const at::Tensor& x) {
    return run(at_path(net, {"stem", "1"}), run(at_path(net, {"stem", "0"}), x));
  };
  const auto second = [&](const at::Tensor& x) {
    return run(at_path(net, {"bn2"}), run(at_path(net, {"conv2"}), at::relu(first(x))));
  };
  for (const char* name : {"net.folded", "net.scripted"}) {
    const Reference reference = weighed(load_archive(name), images);
    EXPECT_THAT(reference.domains, ElementsAre("dark", "noisy"));
    ASSERT_EQ(reference.sites.size(), 2U) << name;
    expect_weights(reference.sites[0], first(images.clean), {first(images.dark), first(images.noisy)});
    expect_weights(reference.sites[1], second(images.clean), {second(images.dark), second(images.noisy)});
  }
}

TEST_F(TtnTest, WhatChanceMovesIsNoShift) {
  Calibration calibration(load_archive("net.scripted"));
  const at::Tensor x = clean_images(20);
  calibration.add(x);
  calibration.add_shifted("none", x);
  for (const ReferenceSite& site : calibration.result().sites) {
    EXPECT_TRUE(site.domain_shift.equal(at::zeros_like(site.mean))) << site.name;
    EXPECT_GT(site.image_spread.max().item<double>(), 0) << site.name;
  }
}

TEST_F(TtnTest, ShiftedImagesMoveNoOtherMoments) {
  const Domains images = domains();
  const Reference with_them = weighed(load_archive("mixed.folded"), images);
  const Reference without = testing::measured(load_archive("mixed.folded"), images.clean, 7);
  EXPECT_EQ(with_them.images, without.images);
  EXPECT_TRUE(with_them.input_mean.equal(without.input_mean));
  EXPECT_TRUE(without.domains.empty());
  ASSERT_EQ(with_them.sites.size(), without.sites.size());
  for (std::size_t i = 0; i < without.sites.size(); ++i) {
    EXPECT_TRUE(with_them.sites[i].mean.equal(without.sites[i].mean));
    EXPECT_TRUE(with_them.sites[i].var.equal(without.sites[i].var));
    EXPECT_EQ(with_them.sites[i].uncertainty, without.sites[i].uncertainty);
    EXPECT_FALSE(without.sites[i].domain_shift.defined());
  }
}

TEST_F(TtnTest, WeightsDoNotDependOnBatchesNorOnTheOrderOfPasses) {
  const Domains images = domains();
  const auto module = load_archive("net.folded");
  const Reference whole = weighed(module, images, 32);
  Calibration mixed(module);
  const auto dark = images.dark.split(3);
  const auto clean = images.clean.split(3);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    mixed.add_shifted("dark", dark[i]);
    mixed.add(clean[i]);
  }
  mixed.add_shifted("noisy", images.noisy);
  const Reference other = mixed.result();
  for (std::size_t i = 0; i < whole.sites.size(); ++i) {
    EXPECT_TRUE(other.sites[i].domain_shift.allclose(whole.sites[i].domain_shift, 1e-5, 1e-7));
    EXPECT_TRUE(other.sites[i].image_spread.allclose(whole.sites[i].image_spread, 1e-5, 1e-7));
  }
}

TEST_F(TtnTest, DomainsThatCannotBeMeasuredAreNamed) {
  const at::Tensor x = clean_images(8);
  Calibration calibration(load_archive("net.scripted"));
  calibration.add(x);
  calibration.add_shifted("dark", x.narrow(0, 0, 1));
  EXPECT_THAT(message<DataError>([&] { (void)calibration.result(); }),
              AllOf(HasSubstr("at least two images of dark"), HasSubstr("found 1")));
  EXPECT_THROW(calibration.add_shifted("dark", x.select(1, 0)), Error);
  EXPECT_THROW(calibration.add_shifted("dark", x.narrow(1, 0, 2)), DataError);
  EXPECT_THROW(calibration.add_shifted("dark", x * std::numeric_limits<double>::quiet_NaN()), DataError);
  calibration.add_shifted("dark", x.narrow(0, 1, 1));
  EXPECT_THAT(calibration.result().domains, ElementsAre("dark"));
  calibration.add_shifted("blinding", x * 1e38);
  EXPECT_THAT(message<ModelError>([&] { (void)calibration.result(); }),
              AllOf(HasSubstr("NaN or Inf"), HasSubstr("of blinding")));
}

TEST_F(TtnTest, AStreamMixesEachChannelByItsWeightAndTheImagesOfTheBatch) {
  const Domains images = domains();
  const Reference reference = weighed(load_archive("net.scripted"), images);
  Stream stream = adapt(load_archive("net.scripted"), with("ttn", reference)).stream();
  for (const std::int64_t n : {1, 4, 9}) {
    stream.forward(images.dark.narrow(0, 2, n));
    const StreamReport report = stream.report();
    for (std::size_t i = 0; i < reference.sites.size(); ++i) {
      const ReferenceSite& site = reference.sites[i];
      const SiteReport& found = report.sites[i];
      for (std::int64_t c = 0; c < site.mean.numel(); ++c) {
        const double t = site.domain_shift[c].item<double>();
        const double s = site.image_spread[c].item<double>();
        const double a = t > 0 ? t / (t + s / static_cast<double>(n)) : 0;
        const double expected = a * found.batch_mean[c].item<double>() + (1 - a) * site.mean[c].item<double>();
        EXPECT_NEAR(found.used_mean[c].item<double>(), expected, 1e-9) << site.name << ' ' << c << ' ' << n;
      }
      EXPECT_GT(site.domain_shift.max().item<double>(), 0);
    }
  }
}

TEST_F(TtnTest, ResetRollbackAndRefusedBatchesKeepTheWeights) {
  const Domains images = domains();
  const auto model = adapt(load_archive("net.folded"), with("ttn", weighed(load_archive("net.folded"), images)));
  const at::Tensor x = images.noisy.narrow(0, 0, 4);
  Stream stream = model.stream();
  const Snapshot start = stream.snapshot();
  const at::Tensor first = stream.forward(x);
  EXPECT_FALSE(first.allclose(model.stream(rule::Source{}).forward(x), 1e-3, 1e-3));
  EXPECT_FALSE(first.allclose(model.stream(rule::Batch{}).forward(x), 1e-3, 1e-3));
  stream.forward(images.dark * std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(stream.report().rejected, 1);
  EXPECT_TRUE(stream.forward(x).equal(first));
  stream.reset();
  EXPECT_EQ(stream.report().images, 0);
  EXPECT_TRUE(stream.forward(x).equal(first));
  stream.rollback(start);
  EXPECT_TRUE(stream.forward(x).equal(first));
}

TEST_F(TtnTest, TheBeginningOfAStreamHoldsTheWeights) {
  graph::RewrittenSite site;
  site.site.name = "bn";
  site.mean = at::zeros({2}, at::kDouble);
  site.var = at::ones({2}, at::kDouble);
  site.domain_shift = at::tensor({0.5, 2.0}, at::kDouble);
  site.image_spread = at::tensor({3.0, 4.0}, at::kDouble);
  StreamState state(rule::Ttn{}, {site}, at::kCPU);
  const at::Tensor start = state.snapshot();
  EXPECT_EQ(start.sum().item<double>(), 9.5);
  at::Tensor all = state.all();
  all.fill_(7);
  EXPECT_TRUE(state.beginning().equal(start));
  state.clear();
  EXPECT_TRUE(state.all().equal(start));
  StreamState other(rule::Ema{}, {site}, at::kCPU);
  EXPECT_EQ(other.beginning().abs().sum().item<double>(), 0);
}

TEST_F(TtnTest, WithoutWeightsAStreamIsRefused) {
  const auto module = load_archive("net.scripted");
  const Domains images = domains();
  const auto refusal = [](const AdaptedModel& model) {
    return message<UsageError>([&] { (void)model.stream(rule::Ttn{}); });
  };
  const auto says = AllOf(HasSubstr("rule ttn: expected a reference with weights"), HasSubstr("found none for stem.1"),
                          HasSubstr("ttscale calibrate MODEL --data CLEAN --shift all:3 --out FILE"));
  EXPECT_THAT(refusal(adapt(module, with("batch"))), says);
  const Reference without = testing::measured(module, images.clean);
  EXPECT_THAT(refusal(adapt(module, with("ttn", without))), says);
  // A reference of some layers.
  const Reference some = weighed(module, images, 7, {"bn2"});
  EXPECT_THAT(refusal(adapt(module, with("ttn", some))), says);
  AdaptOptions options = with("ttn", some);
  options.layers = {"bn2"};
  EXPECT_NO_THROW(adapt(module, options).stream().forward(images.dark));
}

TEST_F(TtnTest, AStateFileGoesOnAndOneOfOtherWeightsIsRefused) {
  const auto module = load_archive("net.folded");
  const Domains images = domains();
  const Reference reference = weighed(module, images);
  Stream stream = adapt(module, with("ttn", reference)).stream();
  const at::Tensor out = stream.forward(images.dark);
  const auto file = folder / "ttn.state";
  stream.save(file);
  Stream again = adapt(module, with("ttn", reference)).stream();
  again.load(file);
  EXPECT_EQ(again.report().images, 20);
  EXPECT_TRUE(again.forward(images.dark).equal(out));
  Reference other = reference;
  other.sites[0].domain_shift = other.sites[0].domain_shift * 2;
  Stream stranger = adapt(module, with("ttn", other)).stream();
  EXPECT_THAT(message<DataError>([&] { stranger.load(file); }), HasSubstr("another reference"));
}

TEST_F(TtnTest, AnOnlineArchiveHoldsTheWeightsAndNoneCanBeBaked) {
  const auto module = load_archive("net.folded");
  const Domains images = domains();
  AdaptOptions options = with("ttn", weighed(module, images));
  options.optimize = Optimize::kNone;
  Stream stream = adapt(module, options).stream();
  const at::Tensor out = stream.forward(images.noisy);
  online(stream).save((folder / "online.pt").string());
  EXPECT_TRUE(run(torch::jit::load((folder / "online.pt").string()), images.noisy).equal(out));
  EXPECT_THAT(message<UsageError>([&] { bake(stream); }),
              AllOf(HasSubstr("rule ttn"), HasSubstr("from each batch anew")));
}

class WeightsFileTest : public TtnTest {
 protected:
  void SetUp() override {
    TtnTest::SetUp();
    reference_ = weighed(load_archive("net.scripted"), domains());
    file_ = folder / "net.reference";
    reference_.save(file_);
  }
  /// What reading says where one site's entry is another, or is not there.
  [[nodiscard]] std::string refusal(const std::string& field, const c10::IValue& value) const {
    change([&](c10::impl::GenericDict& site) {
      if (value.isNone()) {
        (void)site.erase(field);
      } else {
        site.insert_or_assign(field, value);
      }
    });
    return message<DataError>([&] { (void)Reference::load(folder / "changed.reference"); });
  }
  void change(const std::function<void(c10::impl::GenericDict&)>& change) const {
    auto dictionary = graph::unpickle(testing::read_file(file_)).toGenericDict();
    for (const c10::IValue& entry : dictionary.at("sites").toListRef()) {
      auto site = entry.toGenericDict();
      change(site);
    }
    std::ofstream(folder / "changed.reference", std::ios::binary) << graph::pickle(dictionary);
  }

  Reference reference_;
  std::filesystem::path file_;
};

TEST_F(WeightsFileTest, WeightsComeBackAsTheyWere) {
  const Reference loaded = Reference::load(file_);
  EXPECT_THAT(loaded.domains, ElementsAre("dark", "noisy"));
  ASSERT_EQ(loaded.sites.size(), 2U);
  for (std::size_t i = 0; i < loaded.sites.size(); ++i) {
    EXPECT_TRUE(loaded.sites[i].domain_shift.equal(reference_.sites[i].domain_shift));
    EXPECT_TRUE(loaded.sites[i].image_spread.equal(reference_.sites[i].image_spread));
  }
}

TEST_F(WeightsFileTest, FilesOfBeforeThereWereWeightsAreRead) {
  change([](c10::impl::GenericDict& site) {
    (void)site.erase("domain_shift");
    (void)site.erase("image_spread");
  });
  const Reference old = Reference::load(folder / "changed.reference");
  EXPECT_FALSE(old.sites[0].domain_shift.defined());
  EXPECT_TRUE(old.sites[0].mean.equal(reference_.sites[0].mean));
  EXPECT_NO_THROW(adapt(load_archive("net.scripted"), with("batch", old)).stream().forward(clean_images(4)));
  EXPECT_THROW((void)adapt(load_archive("net.scripted"), with("ttn", old)).stream(), UsageError);
}

TEST_F(WeightsFileTest, NumbersThatNoWeightsCanBeAreRefused) {
  const std::int64_t channels = reference_.sites[0].mean.numel();
  const auto all = [&](double value) { return at::full({channels}, value, at::kDouble); };
  for (const char* field : {"domain_shift", "image_spread"}) {
    EXPECT_THAT(refusal(field, all(-1)), HasSubstr("none negative")) << field;
    EXPECT_THAT(refusal(field, all(std::numeric_limits<double>::infinity())), HasSubstr("finite float64")) << field;
    EXPECT_THAT(refusal(field, at::ones({channels + 1}, at::kDouble)), HasSubstr("one a channel")) << field;
    EXPECT_THAT(refusal(field, c10::IValue("text")), HasSubstr("damaged")) << field;
  }
  EXPECT_THAT(refusal("image_spread", {}), HasSubstr("an entry is missing"));
}

}  // namespace
}  // namespace ttscale
