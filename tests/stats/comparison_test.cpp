// SPDX-License-Identifier: MIT
// Two models' predictions, compared in scalar loops.
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "stats/comparison.h"

namespace ttscale::stats {
namespace {

using Table = std::vector<std::vector<double>>;  // [image][class]

Table to_table(const at::Tensor& p) {
  Table out;
  for (std::int64_t i = 0; i < p.size(0); ++i) {
    const at::Tensor row = p[i].select(1, 0).contiguous();
    out.emplace_back(row.data_ptr<double>(), row.data_ptr<double>() + row.numel());
  }
  return out;
}

std::size_t best(const std::vector<double>& p) {
  std::size_t out = 0;
  for (std::size_t k = 1; k < p.size(); ++k) {
    out = p[k] > p[out] ? k : out;
  }
  return out;
}

/// What Comparison keeps, in loops.
struct Scalar {
  std::vector<double> source_mass, adapted_mass;
  double images = 0, sum = 0, squares = 0, agreed = 0;

  static void remember(std::vector<double>& mass, const Table& p) {
    mass.resize(p[0].size(), 0);
    double total = 0;
    for (std::size_t k = 0; k < mass.size(); ++k) {
      for (const auto& row : p) {
        mass[k] += row[k];
      }
      total += mass[k];
    }
    for (double& m : mass) {
      m *= total > 256 ? 256 / total : 1;
    }
  }

  static double information(const std::vector<double>& p, const std::vector<double>& mass) {
    double total = 32;
    for (const double m : mass) {
      total += m;
    }
    const std::size_t c = best(p);
    return std::log(p[c] / ((mass[c] + 32.0 / static_cast<double>(mass.size())) / total));
  }

  void add(const Table& source, const Table& adapted) {
    remember(source_mass, source);
    remember(adapted_mass, adapted);
    for (std::size_t i = 0; i < source.size(); ++i) {
      const bool same = best(source[i]) == best(adapted[i]);
      const double gain =
          same ? 0 : std::tanh((information(adapted[i], adapted_mass) - information(source[i], source_mass)) / 2);
      const double weight = source.size() > 32 ? 32.0 / static_cast<double>(source.size()) : 1;
      images += weight;
      sum += weight * gain;
      squares += weight * gain * gain;
      agreed += same ? weight : 0;
    }
    const double keep = images > 64 ? 64 / images : 1;
    for (double* value : {&images, &sum, &squares, &agreed}) {
      *value *= keep;
    }
  }
};

at::Tensor scores(std::int64_t images, std::int64_t classes, double sharpness) {
  return at::randn({images, classes}) * sharpness;
}

TEST(Comparison, FollowsItsFormulas) {
  at::manual_seed(3);
  Comparison comparison;
  Scalar scalar;
  for (const std::int64_t images : {5, 1, 40, 30, 100}) {
    const at::Tensor source = class_probabilities(scores(images, 6, 1));
    const at::Tensor adapted = class_probabilities(scores(images, 6, 3));
    comparison.add(source, adapted);
    scalar.add(to_table(source), to_table(adapted));
    const Comparison::Summary found = comparison.summary();
    EXPECT_NEAR(found.images, scalar.images, 1e-9);
    EXPECT_NEAR(found.gain, scalar.sum / scalar.images, 1e-9);
    EXPECT_NEAR(found.agreement, scalar.agreed / scalar.images, 1e-9);
    const double variance =
        scalar.squares / scalar.images - std::pow(scalar.sum / scalar.images, 2) + 1 / scalar.images;
    EXPECT_NEAR(found.error, std::sqrt(variance / scalar.images), 1e-9);
  }
  EXPECT_EQ(comparison.summary().batches, 5);
}

/// Probabilities of a model that is right for classes 0, 1, ... in turn, and sure of it.
at::Tensor right(std::int64_t images, std::int64_t classes, double sharpness) {
  return class_probabilities(at::one_hot(at::arange(images) % classes, classes).to(at::kDouble) * sharpness);
}

TEST(Comparison, TheSamePredictionsGainNothing) {
  Comparison comparison;
  comparison.add(right(40, 5, 8), right(40, 5, 1));  // surer or not: the same classes
  EXPECT_EQ(comparison.summary().gain, 0);
  EXPECT_EQ(comparison.summary().agreement, 1);
}

TEST(Comparison, CollapseAndDoubtLose) {
  const at::Tensor collapsed = right(1, 5, 8).expand({40, 5, 1});
  Comparison collapse;
  collapse.add(right(40, 5, 8), collapsed);
  EXPECT_LT(collapse.summary().gain + 2 * collapse.summary().error, 0);
  EXPECT_LT(collapse.summary().adapted_classes, 1.5);
  EXPECT_GT(collapse.summary().source_classes, 4.5);
  Comparison gain;
  gain.add(collapsed, right(40, 5, 8));
  EXPECT_GT(gain.summary().gain - 2 * gain.summary().error, 0);

  at::manual_seed(5);
  Comparison doubt;
  doubt.add(right(40, 5, 8), class_probabilities(scores(40, 5, 0.2)));
  EXPECT_LT(doubt.summary().gain + 2 * doubt.summary().error, 0);
  EXPECT_LT(doubt.summary().adapted_confidence, doubt.summary().source_confidence);
}

TEST(Comparison, AFewImagesAreNeverCertain) {
  Comparison comparison;
  comparison.add(right(2, 5, 20), right(4, 5, 20).slice(0, 2));
  EXPECT_GE(comparison.summary().error, 0.5);
}

TEST(Comparison, ImagesWithNanDoNotCount) {
  Comparison comparison, without;
  at::Tensor source = right(10, 5, 3).clone();
  const at::Tensor adapted = right(10, 5, 3).flip(0).contiguous();
  without.add(source.slice(0, 1), adapted.slice(0, 1));
  source[0].fill_(std::numeric_limits<double>::quiet_NaN());
  comparison.add(source, adapted);
  EXPECT_EQ(comparison.summary().images, 9);
  EXPECT_EQ(comparison.summary().gain, without.summary().gain);
  Comparison none;
  none.add(at::full({3, 5, 1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble), right(3, 5, 1));
  EXPECT_EQ(none.summary().images, 0);
}

TEST(Comparison, WhereTheAdaptedModelAloneBreaksDownItHasLost) {
  Comparison comparison;
  comparison.add(right(20, 5, 3), at::full({20, 5, 1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble));
  EXPECT_EQ(comparison.summary().images, 20);
  EXPECT_EQ(comparison.summary().gain, -1);
  EXPECT_EQ(comparison.summary().agreement, 0);
}

/// Probabilities of images of 10 classes, of which the first `right` of every 8 are told, with confidence `sure`.
/// The others are taken for one class or another, with less.
at::Tensor mostly_right(const std::vector<std::int64_t>& labels, std::int64_t right, double sure, std::int64_t first) {
  constexpr std::int64_t kClasses = 10;
  at::Tensor out = at::empty({static_cast<std::int64_t>(labels.size()), kClasses, 1}, at::kDouble);
  for (std::int64_t i = 0; i < out.size(0); ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    const bool told = i % 8 < right;
    const double confidence = told ? sure : 0.4;
    out[i].fill_((1 - confidence) / (kClasses - 1));
    out[i][told ? label : (label + 1 + (i + first) % (kClasses - 1)) % kClasses].fill_(confidence);
  }
  return out;
}

TEST(Comparison, ARunOfOneClassAfterAChangeIsNoCollapse) {
  Comparison comparison;
  const auto add = [&](const std::vector<std::int64_t>& labels, std::int64_t first) {
    comparison.add(mostly_right(labels, 5, 0.7, first), mostly_right(labels, 7, 0.9, first));
  };
  for (std::int64_t batch = 0; batch < 20; ++batch) {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < 16; ++i) {
      labels.push_back((batch * 16 + i) % 10);
    }
    add(labels, 0);
  }
  comparison.change_adapted();
  EXPECT_EQ(comparison.summary().images, 0);
  for (std::int64_t batch = 0; batch < 4; ++batch) {
    add(std::vector<std::int64_t>(16, 3), batch);
    EXPECT_GT(comparison.summary().gain, 0) << batch;
  }
}

TEST(Comparison, ACollapseAfterAChangeIsStillOne) {
  Comparison comparison;
  for (int i = 0; i < 20; ++i) {
    comparison.add(right(25, 5, 8), right(25, 5, 8));
  }
  comparison.change_adapted();
  for (int i = 0; i < 4; ++i) {
    comparison.add(right(25, 5, 8), right(1, 5, 8).expand({25, 5, 1}));
  }
  EXPECT_LT(comparison.summary().gain + 2 * comparison.summary().error, 0);
}

TEST(Comparison, ALargeBatchIsNoMoreThanHalfOfTheEvidence) {
  const at::Tensor lost = at::full({256, 5, 1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (const std::int64_t before : {32, 256}) {
    Comparison comparison;
    comparison.add(right(before, 5, 8), right(before, 5, 8));
    comparison.add(right(256, 5, 8), lost);
    EXPECT_NEAR(comparison.summary().gain, -0.5, 1e-12) << before;
    comparison.add(right(256, 5, 8), right(256, 5, 8));
    EXPECT_NEAR(comparison.summary().gain, -1.0 / 3, 1e-12) << before;
    EXPECT_NEAR(comparison.summary().images, 64, 1e-9);
  }
  Comparison large;
  large.add(right(256, 5, 8), right(256, 5, 8));
  EXPECT_EQ(large.summary().images, 32);
  EXPECT_NEAR(large.summary().error, 1.0 / 32, 1e-12) << "of as many images as it counts for";
}

TEST(Comparison, NumbersGiveItBackAfterAChange) {
  Comparison comparison;
  comparison.add(right(20, 5, 3), right(20, 5, 3).flip(0).contiguous());
  comparison.change_adapted();
  Comparison next;
  ASSERT_TRUE(next.from_numbers(comparison.numbers()));
  EXPECT_TRUE(next.numbers().equal(comparison.numbers()));
  for (Comparison* one : {&comparison, &next}) {
    one->add(right(20, 5, 3), right(20, 5, 8));
  }
  EXPECT_TRUE(next.numbers().equal(comparison.numbers()));
}

TEST(Comparison, ACopyIsAPictureOfThen) {
  Comparison comparison;
  comparison.add(right(20, 5, 3), right(20, 5, 3).flip(0).contiguous());
  const Comparison copy = comparison;
  const double classes = copy.summary().source_classes;
  comparison.add(right(1, 5, 3).expand({60, 5, 1}), right(60, 5, 3));
  EXPECT_EQ(copy.summary().source_classes, classes);
  EXPECT_NE(comparison.summary().source_classes, classes);
}

TEST(ClassProbabilities, TakeScoresProbabilitiesAndMaps) {
  at::manual_seed(7);
  const at::Tensor x = scores(4, 3, 2);
  const at::Tensor p = class_probabilities(x);
  EXPECT_TRUE(p.squeeze(2).allclose(x.to(at::kDouble).softmax(1)));
  EXPECT_TRUE(class_probabilities(p.squeeze(2)).equal(p)) << "probabilities stay what they are";
  EXPECT_TRUE(class_probabilities(x.log_softmax(1)).allclose(p, 1e-5, 1e-7)) << "and their logarithms become them";
  const at::Tensor map = at::randn({2, 3, 100, 50});
  const at::Tensor pixels = class_probabilities(map);
  EXPECT_EQ(pixels.size(0), 2);
  EXPECT_EQ(pixels.size(1), 3);
  EXPECT_LE(pixels.size(2), 1024);
  EXPECT_TRUE(pixels.select(2, 0).allclose(map.select(3, 0).select(2, 0).to(at::kDouble).softmax(1)));
  EXPECT_FALSE(class_probabilities(at::randn({4, 1})).defined());
  EXPECT_FALSE(class_probabilities(at::randn({4, 3, 2})).defined());
  EXPECT_FALSE(class_probabilities(at::ones({4, 3}, at::kLong)).defined());
}

TEST(ClassProbabilities, PixelsOfAMapAreAGrid) {
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {512, 1024}, {1024, 1024}, {1024, 512}, {33, 32}, {3, 5000}, {1, 2000}, {7, 9}}) {
    const std::int64_t pixels = height * width;
    // The probability of the first class says where it was taken.
    const at::Tensor place = (at::arange(pixels, at::kDouble) / pixels).view({1, 1, height, width});
    const at::Tensor found = class_probabilities(at::cat({place, 1 - place}, 1));
    std::set<std::int64_t> rows, columns;
    for (std::int64_t i = 0; i < found.size(2); ++i) {
      const std::int64_t at = std::llround(found[0][0][i].item<double>() * static_cast<double>(pixels));
      rows.insert(at / width);
      columns.insert(at % width);
    }
    const auto grid = static_cast<std::int64_t>(rows.size() * columns.size());
    EXPECT_EQ(found.size(2), grid) << height << 'x' << width;
    EXPECT_LE(grid, 1024) << height << 'x' << width;
    EXPECT_GE(grid, std::min<std::int64_t>(pixels, 500)) << height << 'x' << width;
    EXPECT_GE(static_cast<std::int64_t>(rows.size()), std::min<std::int64_t>(height, 16)) << height << 'x' << width;
    EXPECT_GE(static_cast<std::int64_t>(columns.size()), std::min<std::int64_t>(width, 16)) << height << 'x' << width;
  }
}

}  // namespace
}  // namespace ttscale::stats
