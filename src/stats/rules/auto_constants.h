// SPDX-License-Identifier: MIT
// Constants of auto that nobody needs to set, shared by its two forms.
#pragma once

#include <limits>

namespace ttscale::stats::auto_constants {

// Exponents and phantom observations: they smooth the first estimates and have no other effect.
inline constexpr double kJumpSteepness = 6;   // keep = 1 / (1 + (jump / threshold)^6): close to a switch, but smooth
inline constexpr double kJumpDecay = 0.95;    // blocks: the usual jump follows the last 20
inline constexpr double kPhantomJumps = 2;    // usual jumps that every stream starts with
inline constexpr double kPhantomSites = 3;    // sites with a usual jump ahead of the first: none alone decides
inline constexpr double kSpreadDecay = 0.98;  // batches: the spread follows the last 50
inline constexpr double kPhantomImages = 8;   // images at the spread below that every stream starts with
inline constexpr double kPhantomSpread =
    0.03;  // 0.01 to 0.1 was measured within one domain; what a still camera is taken for

/// A class that follows another looks like a domain that follows another, and lies up to as far from it as images of
/// all classes from their mean: what rule::Auto::few_classes is for.
inline constexpr double kFewClasses = 0.1;  // concentration above that of the history at which it is half way there

inline constexpr double kVarianceFloor = 1e-6;  // in divisors: a channel without variance has no spread
inline constexpr double kDistanceFloor = 1e-6;
/// A channel whose source variance with eps is below this is dead: it has no units to measure in, and stays the
/// source's.
inline constexpr double kSmallestUnit = std::numeric_limits<float>::min();

// Neighbours (auto_neighbours.h).
inline constexpr double kMostDeviations = 4;      // a channel counts for no more: none alone tells domains apart
inline constexpr double kLikenessSteepness = 4;   // weight = exp(-4 (distance / that of the alike-th nearest - 1))
inline constexpr double kApartSteepness = 8;      // of share = r^8 / (r^8 + apart^8): close to a switch, but smooth
inline constexpr double kLeastMixedShare = 0.01;  // below it none: what a stream of one domain is left with
/// Ratio of the images below, that of a stream of one domain. Alone it gives a share just below kLeastMixedShare: with
/// a lower `apart` neighbours count from the first image on.
inline constexpr double kPhantomRatio = 2.5;
inline constexpr double kPhantomRatioImages = 8;    // that every stream starts with
inline constexpr double kMostRatio = 100;           // no image counts for more
inline constexpr double kRatioDecay = 0.99;         // an image: the ratio follows the last 100
inline constexpr double kDistanceOfOneClass = 0.5;  // in the spread between images, for every bit of concentration
inline constexpr double kLeastOthers = 0.05;        // share of pairs of two images: below it none to judge classes by
inline constexpr double kLeastKept = 0.5;           // share of the rows that images have taken, to judge a stream by
inline constexpr double kLeastPredicted = 1e-12;    // in all: below it nothing is predicted
inline constexpr double kLeastDistance = 1e-9;      // mean over the pairs, in a still camera without noise
/// Of the distance that counts as near, in that of any two images. Images that are the same are told apart by nothing,
/// not even by rounding.
inline constexpr double kLeastNear = 1e-4;
inline constexpr double kMostImages = 1e15;  // that are counted exactly

// Drift (auto_drift.h).
inline constexpr double kLeastApart = 16;      // images between two that are compared
inline constexpr double kLeastGrowth = 0.003;  // an image: below it is chance, and streams sorted by class
inline constexpr double kPhantomApart = 1;     // spread of so many images about the middle of the rows, without growth
inline constexpr double kJumpKeeps =
    0.1;  // of the history: what keeps less is a jump, what keeps more may be a step of the drift
inline constexpr double kLeastStart = 0.1;   // of the mean distance: no line starts lower
inline constexpr double kLeastPairs = 1e-9;  // in all: below it there are none

inline constexpr double kSmallestVariance = 1e-8;  // far below any that matters: two constant channels are not disjoint

}  // namespace ttscale::stats::auto_constants
