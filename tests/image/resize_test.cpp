// SPDX-License-Identifier: MIT
// Resizing against an obvious version of Pillow's algorithm, and its windows, borders and errors.
#include "image/resize.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

at::Tensor random_image(std::mt19937& engine, std::int64_t height, std::int64_t width, std::int64_t channels) {
  at::Tensor image = at::empty({height, width, channels}, at::TensorOptions().dtype(at::kByte));
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    // Black and white pixels make bicubic overshoot, which must be clipped between the passes.
    image.data_ptr<std::uint8_t>()[i] =
        static_cast<std::uint8_t>((engine() & 1U) != 0 ? engine() & 255U : (engine() & 1U) * 255U);
  }
  return image;
}

double weight_at(double signed_x, Interpolation interpolation) {
  const double x = std::abs(signed_x);
  if (interpolation == Interpolation::kBilinear) {
    return std::max(0.0, 1.0 - x);
  }
  if (interpolation == Interpolation::kBox) {
    return x < 0.5 || signed_x == 0.5 ? 1.0 : 0.0;
  }
  return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

// One pass along dimension 0, in double, rounded to whole pixels at the end.
at::Tensor slow_pass(const at::Tensor& image, std::int64_t out, Interpolation interpolation) {
  const std::int64_t in = image.size(0);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(1.0, scale);
  const double support = stretch * (interpolation == Interpolation::kBilinear ? 1.0
                                    : interpolation == Interpolation::kBox    ? 0.5
                                                                              : 2.0);
  std::vector<at::Tensor> rows;
  for (std::int64_t o = 0; o < out; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const auto high = std::min(in, static_cast<std::int64_t>(centre + support + 0.5));
    at::Tensor sum = at::zeros_like(image[0], at::kDouble);
    double total = 0;
    for (std::int64_t i = low; i < high; ++i) {
      const double weight = weight_at((static_cast<double>(i) - centre + 0.5) / stretch, interpolation);
      sum += image[i].to(at::kDouble) * weight;
      total += weight;
    }
    rows.push_back((sum / total + 0.5).floor().clamp(0, 255).to(at::kByte));
  }
  return at::stack(rows);
}

at::Tensor slow_resize(const at::Tensor& image, Size size, Interpolation interpolation) {
  const at::Tensor wide = slow_pass(image.transpose(0, 1).contiguous(), size.width, interpolation);
  return slow_pass(wide.transpose(0, 1).contiguous(), size.height, interpolation);
}

TEST(Resize, FollowsTheObviousAlgorithm) {
  std::mt19937 engine(1);
  double sum_of_means = 0;
  for (int round = 0; round < 60; ++round) {
    const auto side = [&engine] { return static_cast<std::int64_t>(engine() % 40 + 1); };
    const at::Tensor image = random_image(engine, side(), side(), std::vector<std::int64_t>{1, 3, 4}[engine() % 3]);
    const Size size{side(), side()};
    for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
      const at::Tensor difference =
          (resize(image, size, interpolation).to(at::kInt) - slow_resize(image, size, interpolation).to(at::kInt))
              .abs();
      // In double, ties may round the other way; the goldens of Pillow settle those.
      EXPECT_LE(difference.max().item<int>(), 1) << image.sizes();
      sum_of_means += difference.to(at::kDouble).mean().item<double>();
    }
  }
  EXPECT_LT(sum_of_means / 180, 0.01);
}

class ResizeLoops : public ::testing::TestWithParam<Isa> {
 protected:
  static void expect_pixels_of_plain_loops(const at::Tensor& image, Size size, const Window& window) {
    for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
      const at::Tensor plain = resize_window_on(Isa::kBaseline, image, size, window, interpolation);
      EXPECT_TRUE(resize_window_on(GetParam(), image, size, window, interpolation).equal(plain))
          << image.sizes() << " to " << size.height << 'x' << size.width << ", " << to_string(interpolation);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(InstructionSets, ResizeLoops, ::testing::ValuesIn(available_isas()),
                         [](const auto& instance) { return "Isa" + std::to_string(instance.index); });

TEST_P(ResizeLoops, GiveThePixelsOfThePlainLoops) {
  std::mt19937 engine(4);
  for (int round = 0; round < 150; ++round) {
    const auto below = [&engine](std::int64_t bound) { return static_cast<std::int64_t>(engine()) % bound; };
    const std::int64_t channels = std::vector<std::int64_t>{1, 3, 4}[engine() % 3];
    const at::Tensor image = random_image(engine, below(120) + 1, below(120) + 1, channels);
    const Size size{below(120) + 1, below(120) + 1};
    Window window{below(size.height), below(size.width), {}};
    window.size = {below(size.height - window.top) + 1, below(size.width - window.left) + 1};
    expect_pixels_of_plain_loops(image, size, window);
  }
}

TEST_P(ResizeLoops, AgreeOnExtremeSizes) {
  std::mt19937 engine(5);
  for (const std::int64_t channels : {1, 3, 4}) {
    for (const auto& [from, to] : std::vector<std::pair<Size, Size>>{{{1, 1}, {70, 90}},
                                                                     {{1, 4000}, {3, 2}},
                                                                     {{4000, 1}, {2, 3}},
                                                                     {{3, 5000}, {9, 1}},
                                                                     {{700, 900}, {1, 1}},
                                                                     {{2, 2}, {1, 1000}},
                                                                     {{5, 7}, {5, 70}},
                                                                     {{5, 7}, {70, 7}}}) {
      expect_pixels_of_plain_loops(random_image(engine, from.height, from.width, channels), to, {0, 0, to});
      // All weights meet the largest pixel: the largest sums, and their overshoot.
      expect_pixels_of_plain_loops(at::full({from.height, from.width, channels}, 255, at::kByte), to, {0, 0, to});
    }
  }
}

// The image ends where memory that nobody may read begins.
TEST_P(ResizeLoops, ReadNothingBehindTheImage) {
  std::mt19937 engine(6);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = 16 * page;
  void* memory = ::mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::mprotect(static_cast<char*>(memory) + bytes, page, PROT_NONE), 0);
  for (const std::int64_t channels : {1, 3, 4}) {
    for (const std::int64_t width : {1, 2, 5, 6, 31, 100}) {
      for (const std::int64_t height : {1, 3, 8, 50}) {
        const at::Tensor pixels = random_image(engine, height, width, channels);
        char* begin = static_cast<char*>(memory) + bytes - pixels.nbytes();
        std::memcpy(begin, pixels.data_ptr(), pixels.nbytes());
        const at::Tensor image = at::from_blob(begin, pixels.sizes(), at::TensorOptions().dtype(at::kByte));
        expect_pixels_of_plain_loops(image, {9, 40}, {0, 0, {9, 40}});
        expect_pixels_of_plain_loops(image, {height, 3}, {0, 0, {height, 3}});
        expect_pixels_of_plain_loops(image, {2, width}, {0, 0, {2, width}});
      }
    }
  }
  ::munmap(memory, bytes + page);
}

TEST(Resize, WindowEqualsCropOfTheWhole) {
  std::mt19937 engine(2);
  for (int round = 0; round < 60; ++round) {
    const auto below = [&engine](std::int64_t bound) { return static_cast<std::int64_t>(engine()) % bound; };
    const at::Tensor image = random_image(engine, below(50) + 1, below(50) + 1, 3);
    const Size size{round % 5 == 0 ? image.size(0) : below(50) + 1, round % 7 == 0 ? image.size(1) : below(50) + 1};
    Window window{below(size.height), below(size.width), {}};
    window.size = {below(size.height - window.top) + 1, below(size.width - window.left) + 1};
    for (const auto interpolation :
         {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
      const at::Tensor whole = resize(image, size, interpolation);
      const at::Tensor crop = whole.narrow(0, window.top, window.size.height).narrow(1, window.left, window.size.width);
      EXPECT_TRUE(resize_window(image, size, window, interpolation).equal(crop)) << round;
    }
  }
}

TEST(Resize, KeepsConstantColour) {
  const at::Tensor image = at::full({17, 9, 3}, 201, at::TensorOptions().dtype(at::kByte));
  for (const auto interpolation :
       {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
    EXPECT_TRUE(resize(image, {40, 3}, interpolation).eq(201).all().item<bool>());
  }
}

TEST(Resize, SameSizeIsTheSameTensor) {
  const at::Tensor image = at::zeros({5, 6, 3}, at::TensorOptions().dtype(at::kByte));
  EXPECT_TRUE(resize(image, {5, 6}, Interpolation::kBicubic).is_same(image));
}

TEST(Resize, ReadsTensorsThatAreNotContiguous) {
  std::mt19937 engine(3);
  const at::Tensor chw = random_image(engine, 3, 21, 17 - 16).expand({3, 21, 17}).contiguous();
  const at::Tensor hwc = chw.permute({1, 2, 0});
  EXPECT_TRUE(
      resize(hwc, {8, 8}, Interpolation::kBilinear).equal(resize(hwc.contiguous(), {8, 8}, Interpolation::kBilinear)));
}

TEST(Resize, RefusesWhatIsNoImage) {
  const auto refusal = [](const at::Tensor& tensor) {
    return message_of<UsageError>([&] { resize(tensor, {2, 2}, Interpolation::kBilinear); });
  };
  EXPECT_THAT(refusal(at::Tensor()), HasSubstr("found no tensor"));
  EXPECT_THAT(refusal(at::zeros({2, 2, 3})),
              AllOf(HasSubstr("uint8 image [H, W, C]"), HasSubstr("found Float [2, 2, 3]")));
  EXPECT_THAT(refusal(at::zeros({2, 2, 2}, at::kByte)), HasSubstr("[2, 2, 2]"));
  EXPECT_THAT(refusal(at::zeros({0, 2, 3}, at::kByte)), HasSubstr("[0, 2, 3]"));
}

TEST(Resize, RefusesSizesAndWindowsThatMakeNoSense) {
  const at::Tensor image = at::zeros({4, 4, 3}, at::kByte);
  const auto refusal = [&image](Size size, const Window& window) {
    return message_of<UsageError>([&] { resize_window(image, size, window, Interpolation::kBilinear); });
  };
  EXPECT_THAT(refusal({0, 3}, {0, 0, {0, 3}}), HasSubstr("found size 0x3"));
  EXPECT_THAT(refusal({3, 3}, {1, 0, {3, 3}}), HasSubstr("window 3x3 at 1,0"));
  EXPECT_THAT(refusal({3, 3}, {-1, 0, {1, 1}}), HasSubstr("at -1,0"));
  EXPECT_THAT(refusal({std::int64_t{1} << 40, 3}, {0, 0, {1, 1}}), HasSubstr("expected a size of 1 to"));
}

TEST(Interpolation, NamesAreReadAndWritten) {
  for (const char* name : {"nearest", "bilinear", "bicubic", "box"}) {
    EXPECT_EQ(to_string(parse_interpolation(name)), name);
  }
  EXPECT_EQ(message_of<UsageError>([] { parse_interpolation("lanczos"); }),
            "interpolation: expected nearest, bilinear, bicubic or box, found 'lanczos'");
}

}  // namespace
}  // namespace ttscale::image
