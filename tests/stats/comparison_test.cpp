// SPDX-License-Identifier: MIT
// Two models' predictions, compared in scalar loops.
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
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
      images += 1;
      sum += gain;
      squares += gain * gain;
      agreed += same ? 1 : 0;
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

}  // namespace
}  // namespace ttscale::stats
