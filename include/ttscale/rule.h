// SPDX-License-Identifier: MIT
// The rules: how a site's statistics follow the stream. Options as structs, and the text they are written as everywhere
// ("ema:momentum=0.1").
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ttscale/export.h"

namespace ttscale {

/// Which estimate of a batch's variance a rule uses: the mean of squared deviations (divide by n), or Bessel's (divide
/// by n - 1). With n = 1 the unbiased estimate does not exist; the source variance stands in for it.
enum class Variance { kBiased, kUnbiased };

/// How two variances are mixed with weights (1-w, w): linearly as most papers do, or by the law of total variance,
/// which adds w(1-w)(mean_1 - mean_2)^2 for the distance between the means.
enum class Mixing { kConvex, kTotal };

/// Whether a batch is normalised with statistics that contain it already, or with those of the batches before it.
enum class Order { kUpdateUse, kUseUpdate };

/// Which statistics follow the stream; the others stay the source's. kMean is the activation shift of FOA (Niu et al.
/// 2024) and the mean-only adaptation of Schneider et al. 2020.
enum class Part { kBoth, kMean, kVariance };

/// Which published momenta rule::Tema takes: those for models of CIFAR or of ImageNet.
enum class MomentumTable { kCifar, kImageNet };

namespace rule {

// Notation: s = source statistics (running mean and variance), b = batch, r = the stream's own running statistics, n =
// images in the batch. `eps` replaces the layer's own eps where set; the published formulas use the layer's.
//
// `sample`: the share of the images whose moments are measured, above 0. Of large batches so many images in each, a
// block that moves on from batch to batch; of batches in which that would be fewer than 2, a whole one once its share
// of images has gone by since the last. The rule counts the images and batches that were measured. All images are
// normalised with what it says; where convolutions have packed weights (ttscale/options.h, Optimize; LibTorch 2),
// streams fold it into them for the others. With `lag` the others do not wait for it, and take what it said of the
// batch before, at first the source. Devices other than the CPU, which must not be asked for numbers, measure all.

/// The model as it is: mean and variance of training.
struct Source {};

/// Statistics of the batch alone (Nado et al. 2020; Li et al. 2016).
struct Batch {
  Variance variance = Variance::kBiased;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Source counts as `count` images beside the n of the batch: w = n / (count + n) (Schneider et al. 2020).
struct Prior {
  double count = 16;  ///< images, >= 0
  Variance variance = Variance::kUnbiased;
  Mixing mixing = Mixing::kConvex;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Fixed share of the batch, whatever its size (alpha-BN, You et al. 2021).
struct Alpha {
  double weight = 0.1;  ///< share of the batch, 0 to 1
  Variance variance = Variance::kUnbiased;
  Mixing mixing = Mixing::kConvex;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Exponential moving average that starts at the source: r <- (1-m) r + m b (ONDA, Mancini et al. 2018).
struct Ema {
  double momentum = 0.1;  ///< 0 to 1
  Order order = Order::kUpdateUse;
  Variance variance = Variance::kUnbiased;
  Mixing mixing = Mixing::kConvex;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Mean over all images seen since the last reset; the source may count as `count` images more. Before the first image:
/// the source.
struct Cumulative {
  double count = 0;  ///< images the source counts for, >= 0
  Order order = Order::kUpdateUse;
  Variance variance = Variance::kUnbiased;
  Mixing mixing = Mixing::kConvex;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Moving average whose momentum decays from batch to batch: m_k = initial * decay^k + floor, k = 1, 2, ... (DUA, Mirza
/// et al. 2022). The 64 augmented views that the paper makes of each image are the caller's business.
struct Dua {
  double initial = 0.1;  ///< momentum before the first decay, 0 to 1
  double decay = 0.94;   ///< 0 to 1
  double floor = 0.005;  ///< momentum that is never gone below, 0 to 1
  Order order = Order::kUpdateUse;
  Variance variance = Variance::kUnbiased;
  Mixing mixing = Mixing::kConvex;
  std::optional<double> eps;
  Part part = Part::kBoth;
  double sample = 1;
  bool lag = false;
};

/// Decides by itself, for each site and image, how far to follow the stream: from how far its statistics have moved, on
/// how many images they rest, how alike the images are, and how mixed the predicted classes are. Needs no tuning;
/// the fields are the constants of the recipe, and none depends on the model or on the batch size.
/// src/stats/rules/auto.cpp has the formulas. Distances are squared Hellinger distances, 0 to 1, mean over channels.
struct Auto {
  double weight = 0.6;   ///< most that the stream's statistics ever count, 0 to 1: layers compound, and less than all
                         ///< is best in every layer
  double shift = 0.008;  ///< distance from the source at which half of the weight is given, > 0: clean data lie at
                         ///< 0.002 to 0.010
  double count = 6;      ///< images that the source counts for, >= 0
  double correlation = 1.5;  ///< distance of one class from its stream, in the spread between images, >= 0: what the
                             ///< stream's statistics may be off where one class fills it. 0.4 to 0.9 in the mean; some
                             ///< classes lie farther, and taken for a shift they break clean streams
  double spread = 0.2;  ///< distance of images from their stream at which half of an image's statistics are its own; 0:
                        ///< none ever
  double positions = 256;       ///< positions of a feature map at which that share is halved, >= 0: the statistics of a
                                ///< small map are those of its content
  double memory = 2000;         ///< images remembered in a stream of one class, > 0
  double memory_diverse = 128;  ///< images remembered in a stream of all classes, > 0
  double jump = 0.004;          ///< distance between neighbouring blocks of images that is usual in any stream, > 0
  double surprise = 3;          ///< a jump of so many usual ones forgets half of what was seen, > 0
  double distinct = 0.5;        ///< and so does one of so many times the distance of images from their block, > 0: a
                                ///< domain is that far from others
  double few_classes = 3;       ///< up to how many times both are raised while the latest images are of fewer classes
                                ///< than the history, >= 1: then a class follows another
  double restraint = 0.5;       ///< how much an image nearer to the source than its stream lowers its own weight, >= 0
  double concentration = 0.1;   ///< concentration of classes assumed before the first predictions, 0 to 1
  double block = 8;             ///< images of a block, >= 1: of fewer, images that differ look like changes
  double neighbours = 128;      ///< latest images that each image is compared with, a whole number from 0 to 1024; 0:
                                ///< none. Where a stream is mixed of several domains, those like the image take the
                                ///< place of the stream at the first eight layers, at most half of them. Needs class
                                ///< scores, and batches of no more than 512 images. How fast images that differ in
                                ///< class become less alike tells whether the stream drifts; then fewer are remembered
  double alike = 16;            ///< of these so many, the nearest, are taken for images of its domain, a whole number
                                ///< from 1 to 1024
  double apart = 4.5;           ///< how many times farther from the stream than chance and classes explain they must
                                ///< lie to take half of its place, > 0
};

// Presets: rules for small batches and changing streams as their papers have them. Each has a file in src/stats/rules/
// with its formulas and with what the published code does differently. `published` gives what the authors' code does,
// to reproduce a paper's table; without it the quirks are corrected.

/// Statistics of each image, drawn to the source where the difference is within what so few pixels show by chance
/// (instance-aware BatchNorm of NOTE, Gong et al. 2022).
struct Iabn {
  double k = 4;  ///< standard errors that count as chance, >= 0
  bool published = false;
};

/// Moving average of biased variances (robust BatchNorm of RoTTA, Yuan et al. 2023, without its memory of images).
struct Rbn {
  double momentum = 0.05;  ///< 0 to 1
};

/// Moving average of mean and standard deviation up to the batch before (test-time batch renormalisation of DELTA, Zhao
/// et al. 2023).
struct Tbr {
  double momentum = 0.05;  ///< 0 to 1
  bool published = false;
};

/// Source and batch mixed, each image with a weight from how far image, batch and source lie apart (AdaMixBN of
/// DomainAdaptor, Zhang et al. 2023).
struct AdaMixBn {
  bool published = false;
};

/// Several running statistics a layer; each image is mixed into those that it is like, and normalised with the mean of
/// all (UnMix-TNS, Tomar et al. 2024).
struct UnMixTns {
  double components = 16;     ///< a whole number from 1 to 1024; 128 for streams of many domains
  double momentum = 0.1;      ///< of a batch of `batch` images, 0 to 1
  double batch = 64;          ///< images, > 0
  double alpha = 0.5;         ///< share of the source variance that lies between the components at the start, 0 to 1
  double temperature = 0.07;  ///< of the softmax over cosines, > 0
  bool published = false;
};

/// The batch's median in place of its mean: unmoved by a few odd images (MedBN, Park et al. 2024).
struct MedBn {
  bool published = false;
};

/// A little of each image's own statistics beside a slow moving average that starts at the source (MixNorm, Hu et al.
/// 2021). The augmented view of each image that the paper adds is the caller's business.
struct MixNorm {
  double weight = 0.05;     ///< share of the image, 0 to 1
  double momentum = 0.001;  ///< of an image, 0 to 1
  bool published = false;
};

/// A moving average whose momentum follows the batch size, beside the source, which weighs more where a layer has moved
/// more than others (TEMA of RealisticTTA, 2024). One forward a batch where the paper has two: the weights rest on what
/// the forward before has measured.
struct Tema {
  MomentumTable table = MomentumTable::kCifar;
  bool published = false;
};

/// Rbn fed from a memory of images, balanced over the predicted classes (RoTTA, Yuan et al. 2023). Statistics only:
/// nothing is trained.
struct Rotta {
  double momentum = 0.05;  ///< of one update, 0 to 1
  double slots = 64;       ///< images in memory, a whole number from 1 to 1024
  double interval = 64;    ///< images that an update is made for, > 0
  double timeliness = 1;   ///< weight of age in what an image is dispensable by, >= 0
  double uncertainty = 1;  ///< weight of the entropy of its prediction, >= 0
  bool published = false;
};

/// Source and batch mixed, with a weight of each channel that was found before the stream began (TTN, Lim et al. 2023).
/// The paper trains the weights with labels; here calibration under shifts measures them (Calibration::add_shifted),
/// and streams need a reference that has them at every site.
struct Ttn {};

}  // namespace rule

using Rule = std::variant<rule::Source, rule::Batch, rule::Prior, rule::Alpha, rule::Ema, rule::Cumulative, rule::Dua,
                          rule::Auto, rule::Iabn, rule::Rbn, rule::Tbr, rule::AdaMixBn, rule::UnMixTns, rule::MedBn,
                          rule::MixNorm, rule::Tema, rule::Rotta, rule::Ttn>;

/// Reads `name` or `name:field=value,field=value`; the word `published` may stand beside the fields. Throws UsageError
/// that lists the valid names, fields or values.
TTSCALE_API Rule parse_rule(const std::string& text);

/// The text of a rule with the fields that differ from their defaults; parse_rule() gives the same rule back.
TTSCALE_API std::string to_string(const Rule& rule);

/// Throws UsageError that names the field whose value is out of range.
TTSCALE_API void validate(const Rule& rule);

/// One line per rule: name, fields with defaults and choices. For help texts.
TTSCALE_API std::string describe_rules();

}  // namespace ttscale
