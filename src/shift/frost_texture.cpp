// SPDX-License-Identifier: MIT
// Needles, crystals and ferns drawn stroke by stroke on a torus; a film of ice from fractal ridges.
#include "shift/frost_texture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "shift/filters.h"
#include "shift/frost_statistics.h"
#include "shift/pixels.h"
#include "shift/plasma.h"
#include "shift/random.h"

namespace ttscale::shift {
namespace {

constexpr int kSide = 512;

using Point = cv::Point2f;

Point step(double angle, double length) {
  return {static_cast<float>(std::cos(angle) * length), static_cast<float>(std::sin(angle) * length)};
}

/// Gray strokes; what leaves on one side comes in on the other.
class Torus {
 public:
  explicit Torus(double gray) : gray_(kSide, kSide, CV_8U, cv::Scalar(gray)) {}

  void line(const Point& from, const Point& to, double gray, int thickness = 1) {
    everywhere({from, to}, [&](const std::vector<cv::Point>& at) {
      cv::line(gray_, at[0], at[1], cv::Scalar(gray), thickness, cv::LINE_AA, kFraction);
    });
  }
  void fill(const std::vector<Point>& corners, double gray) {
    everywhere(corners, [&](const std::vector<cv::Point>& at) {
      cv::fillConvexPoly(gray_, at, cv::Scalar(gray), cv::LINE_AA, kFraction);
    });
  }

  [[nodiscard]] cv::Mat values() const { return to_float(gray_); }

 private:
  static constexpr int kFraction = 4;  // bits behind the point

  template <typename Draw>
  static void everywhere(const std::vector<Point>& points, Draw draw) {
    for (const int dy : {-kSide, 0, kSide}) {
      for (const int dx : {-kSide, 0, kSide}) {
        std::vector<cv::Point> moved;
        for (const Point& point : points) {
          moved.emplace_back(cvRound((point.x + static_cast<float>(dx)) * (1 << kFraction)),
                             cvRound((point.y + static_cast<float>(dy)) * (1 << kFraction)));
        }
        draw(moved);
      }
    }
  }

  cv::Mat gray_;
};

Point anywhere(Random& random) {
  const auto x = static_cast<float>(random.uniform(0, kSide));
  return {x, static_cast<float>(random.uniform(0, kSide))};
}

/// A blade of ice: a thin wedge, half of it in the light.
void draw_blade(Torus& torus, const Point& from, double angle, double length, double width, double gray) {
  const Point tip = from + step(angle, length);
  const Point side = step(angle + CV_PI / 2, width / 2);
  torus.fill({from + side, tip, from}, gray + 18);
  torus.fill({from - side, tip, from}, gray - 22);
  torus.line(from, tip, gray + 34);
}

/// Sheaves of blades that grew from one point.
cv::Mat needles(Random& random) {
  Torus torus(150);
  for (int sheaf = 0; sheaf < 900; ++sheaf) {
    const Point root = anywhere(random);
    const double angle = random.uniform(0, 2 * CV_PI);
    const double gray = random.uniform(110, 200);
    for (std::int64_t blade = random.below(5); blade >= 0; --blade) {
      draw_blade(torus, root + step(random.uniform(0, 2 * CV_PI), random.uniform(0, 8)),
                 angle + random.uniform(-.35, .35), random.uniform(25, 110), random.uniform(3, 11),
                 gray + random.uniform(-20, 20));
    }
  }
  return torus.values();
}

/// Small fans of blades, between drops of frozen water.
cv::Mat crystals(Random& random) {
  Torus torus(110);
  for (int drop = 0; drop < 9000; ++drop) {
    const Point centre = anywhere(random);
    const double reach = random.uniform(1, 4);
    const double gray = random.uniform(60, 190);
    torus.line(centre, centre + step(random.uniform(0, 2 * CV_PI), reach), gray, 2);
  }
  for (int fan = 0; fan < 420; ++fan) {
    const Point root = anywhere(random);
    const double middle = random.uniform(0, 2 * CV_PI);
    const double size = random.uniform(6, 26);
    for (int blade = -3; blade <= 3; ++blade) {
      draw_blade(torus, root, middle + .33 * blade + random.uniform(-.1, .1), size * random.uniform(.6, 1.1), size / 4,
                 random.uniform(70, 200));
    }
  }
  return torus.values();
}

/// A stem with branches on both sides, and needles on those; the branches shorten towards the tip.
void draw_fern(Torus& torus, const Point& from, double angle, double length, double gray, int depth, Random& random) {
  const double piece = depth == 2 ? 7.0 : 4.0;
  const double bend = random.uniform(-.004, .004);
  Point at = from;
  for (double grown = 0; grown < length; grown += piece) {
    const Point next = at + step(angle, piece);
    for (const double side : {-1.0, 1.0}) {
      const double branch = (length - grown) * random.uniform(.2, .4);
      if (depth > 0 && branch > 2.0) {
        draw_fern(torus, at, angle + side * random.uniform(.8, 1.05), branch, gray + random.uniform(-45, 15), depth - 1,
                  random);
      }
    }
    torus.line(at, next, std::min(255.0, gray + 30.0 * depth), depth == 2 && grown < .6 * length ? 2 : 1);
    at = next;
    angle += bend * piece;
  }
}

/// Frost flowers: bunches of ferns over one another, dark glass between them.
cv::Mat ferns(Random& random) {
  Torus torus(45);
  for (int bunch = 0; bunch < 150; ++bunch) {
    const Point root = anywhere(random);
    const double angle = random.uniform(0, 2 * CV_PI);
    const double gray = random.uniform(70, 190);
    for (std::int64_t fern = random.below(4); fern >= 0; --fern) {
      draw_fern(torus, root, angle + random.uniform(-1, 1), random.uniform(25, 110), gray, 2, random);
    }
  }
  return torus.values();
}

/// The values of `map` at positions moved by two smooth maps, on the torus.
cv::Mat warped(const cv::Mat& map, double reach, Random& random) {
  const cv::Mat along_x = plasma(kSide, 2.4, random);
  const cv::Mat along_y = plasma(kSide, 2.4, random);
  cv::Mat result(kSide, kSide, CV_32F);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const int from_y = y + cvRound(reach * along_y.at<float>(y, x));
      const int from_x = x + cvRound(reach * along_x.at<float>(y, x));
      result.at<float>(y, x) = map.at<float>(from_y % kSide, from_x % kSide);
    }
  }
  return result;
}

/// Light from the upper left on a crumpled film: the slope of fractal ridges.
cv::Mat film(Random& random) {
  const cv::Mat ridges = 1.0 - cv::abs(2.0 * plasma(kSide, 1.75, random) - 1.0);
  const cv::Mat surface = gaussian(warped(ridges, 60, random), 1.0, 4.0, Border::kReflect);
  cv::Mat light(kSide, kSide, CV_32F);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      light.at<float>(y, x) = surface.at<float>((y + 2) % kSide, (x + 2) % kSide) - surface.at<float>(y, x);
    }
  }
  return 900.0 * light + 110.0 * warped(plasma(kSide, 2.2, random), 90, random);
}

/// What is drawn, the weight of the thickness of the ice, and what the photograph in its place measures: mean and
/// spread of the colours, then the statistics of its gray (scripts/measure_frost.py).
struct Recipe {
  cv::Mat (*draw)(Random& random);
  double thickness;
  cv::Scalar mean;
  cv::Scalar deviation;
  GrayStatistics gray;
};

constexpr GrayStatistics kFilm{{82, 92, 97, 104, 109, 118, 129, 142, 155, 163, 177, 194, 219},
                               {6.7, 5.7, 3.8, 3.2, 4.2, 4.3, 7.3, 11.5}};
constexpr GrayStatistics kSheet{{57, 106, 141, 166, 177, 195, 210, 222, 231, 236, 245, 251, 254},
                                {8.1, 8.8, 8.5, 7.6, 5.7, 4.3, 4.7, 11.7}};
constexpr GrayStatistics kCrystals{{23, 51, 82, 104, 116, 134, 152, 169, 186, 199, 234, 251, 254},
                                   {14.5, 14.7, 11.0, 8.8, 6.1, 3.9, 4.5, 11.7}};
constexpr GrayStatistics kFerns{{26, 35, 45, 60, 71, 92, 119, 151, 183, 203, 238, 254, 255},
                                {16.4, 13.6, 13.1, 12.4, 12.3, 8.9, 7.0, 28.3}};

const std::array<Recipe, kFrostTextures>& recipes() {
  static const std::array<Recipe, kFrostTextures> all{{{film, 20, {78, 149, 166}, {27, 16, 15}, kFilm},
                                                       {needles, 70, {201, 205, 214}, {21, 22, 23}, kSheet},
                                                       {needles, 90, {201, 205, 214}, {21, 22, 23}, kSheet},
                                                       {crystals, 60, {138, 153, 165}, {28, 28, 30}, kCrystals},
                                                       {ferns, 90, {112, 123, 135}, {44, 43, 42}, kFerns}}};
  return all;
}

/// Gray -> colours of the given mean and standard deviation.
cv::Mat coloured(const cv::Mat& gray, const Recipe& recipe) {
  cv::Scalar mean;
  cv::Scalar deviation;
  cv::meanStdDev(gray, mean, deviation);
  std::vector<cv::Mat> channels;
  for (int c = 0; c < 3; ++c) {
    channels.push_back((gray - mean[0]) * (recipe.deviation[c] / deviation[0]) + recipe.mean[c]);
  }
  cv::Mat result;
  cv::merge(channels, result);
  return to_bytes(result);
}

cv::Mat make_texture(int index) {
  const Recipe& recipe = recipes()[static_cast<std::size_t>(index)];
  Random random(mix(static_cast<std::uint64_t>(index)));
  cv::Mat gray = recipe.draw(random);
  gray += recipe.thickness * plasma(kSide, 2.0, random);
  cv::Mat grain(kSide, kSide, CV_32F);
  std::generate_n(grain.ptr<float>(), grain.total(), [&random] { return static_cast<float>(7.0 * random.normal()); });
  return coloured(with_statistics(gray + grain, recipe.gray), recipe);
}

}  // namespace

const cv::Mat& frost_texture(int index) {
  static std::array<std::once_flag, kFrostTextures> drawn;
  static std::array<cv::Mat, kFrostTextures> textures;
  const auto place = static_cast<std::size_t>(index);
  std::call_once(drawn[place], [&] { textures[place] = make_texture(index); });
  return textures[place];
}

}  // namespace ttscale::shift
