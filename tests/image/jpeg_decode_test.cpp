// SPDX-License-Identifier: MIT
// libjpeg called directly against OpenCV, which calls it too, on sound and on damaged files.
#include "image/jpeg_decode.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include <opencv2/core/version.hpp>
#include <opencv2/imgcodecs.hpp>

#include "base/log.h"
#include "image/decode.h"
#include "image/golden.h"
#include "image/opencv_decode.h"
#include "temp_folder.h"

namespace ttscale::image {
namespace {

using Numbers = std::vector<std::uint8_t>;

/// What becomes of damaged data is OpenCV's own choice too; compared with the one that it was looked at with. Others
/// must not crash here.
constexpr bool kSameChoices = CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR == 6;

Numbers golden(const std::string& name) {
  const std::string text = testing::read_file(testing::golden_dir() / name);
  return {text.begin(), text.end()};
}

Bytes view(const Numbers& file) { return {file.data(), file.size()}; }

std::size_t bytes_of(Size size) { return static_cast<std::size_t>(size.height * size.width * 3); }

// RGB; none where the file is refused.
std::optional<Numbers> with_libjpeg(const Numbers& file, Size size) {
  Numbers rgb(bytes_of(size), 7);
  try {
    return decode_jpeg(view(file), size, rgb.data()) ? std::optional<Numbers>(rgb) : std::nullopt;
  } catch (const BadImage&) {
    return std::nullopt;
  }
}

std::optional<Numbers> with_opencv(const Numbers& file, Size size) {
  const cv::Mat bgr = opencv_decode(file, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  if (bgr.type() != CV_8UC3 || Size{bgr.rows, bgr.cols} != size) {
    return std::nullopt;
  }
  Numbers rgb;
  for (int row = 0; row < bgr.rows; ++row) {
    for (int column = 0; column < bgr.cols; ++column) {
      const auto& pixel = bgr.at<cv::Vec3b>(row, column);
      rgb.insert(rgb.end(), {pixel[2], pixel[1], pixel[0]});
    }
  }
  return rgb;
}

// The size, if the file passes the checks that come first in decode().
std::optional<Size> sound_size(const Numbers& file) {
  try {
    return inspect(view(file), Format::kJpeg);
  } catch (const BadImage&) {
    return std::nullopt;
  }
}

class JpegDecode : public ::testing::Test {
 protected:
  void SetUp() override {
    const Numbers file = golden("baseline.jpg");
    const Size size = *sound_size(file);
    Numbers rgb(bytes_of(size));
    if (!decode_jpeg(view(file), size, rgb.data()).has_value()) {
      GTEST_SKIP() << "no libjpeg-turbo in this build: direct decoding of JPEG is NOT tested";
    }
  }
};

TEST_F(JpegDecode, GivesThePixelsOfOpenCV) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "gray.jpg"}) {
    const Numbers file = golden(name);
    const auto pixels = with_libjpeg(file, *sound_size(file));
    ASSERT_TRUE(pixels.has_value()) << name;
    EXPECT_EQ(pixels, with_opencv(file, *sound_size(file))) << name;
  }
}

TEST_F(JpegDecode, DamagedFilesGiveThePixelsOfOpenCVOrAreRefusedAsThere) {
  std::mt19937 engine(1);
  int decoded = 0;
  int refused = 0;
  ::testing::internal::CaptureStderr();  // OpenCV's libjpeg tells of each damage
  for (const char* name : {"baseline.jpg", "progressive.jpg", "gray.jpg"}) {
    const Numbers sound = golden(name);
    for (int round = 0; round < 200; ++round) {
      Numbers file = sound;
      for (int change = 0; change < 3; ++change) {
        file[engine() % file.size()] = static_cast<std::uint8_t>(engine());
      }
      const auto size = sound_size(file);
      if (!size || bytes_of(*size) > 1'000'000) {
        continue;
      }
      const auto pixels = with_libjpeg(file, *size);
      if (kSameChoices) {
        EXPECT_EQ(pixels, with_opencv(file, *size)) << name << ' ' << round;
      }
      pixels ? ++decoded : ++refused;
    }
  }
  ::testing::internal::GetCapturedStderr();
  EXPECT_GT(decoded, 100);
  EXPECT_GT(refused, 10);
}

TEST_F(JpegDecode, RefusalsSayWhatLibjpegSays) {
  Numbers file = golden("baseline.jpg");
  const Size size = *sound_size(file);
  const Numbers frame = {0xFF, 0xC0};
  *(std::search(file.begin(), file.end(), frame.begin(), frame.end()) + 4) = 9;  // bits of a sample
  Numbers rgb(bytes_of(size));
  EXPECT_EQ(testing::message_of<BadImage>([&] { decode_jpeg(view(file), size, rgb.data()); }),
            "data that libjpeg refuses (Unsupported JPEG data precision 9)");
}

TEST_F(JpegDecode, WarningsAreNamedOnceWithTheirFile) {
  Numbers file = golden("baseline.jpg");
  const std::size_t middle = file.size() * 3 / 4;  // inside the scan
  file[middle] = 0xFF;
  file[middle + 1] = 0xD7;  // a restart marker, of which the file has none
  Numbers rgb(bytes_of(*sound_size(file)));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(decode_jpeg(view(file), *sound_size(file), rgb.data()), "Corrupt JPEG data: premature end of data segment");
  const Numbers sound = golden("baseline.jpg");
  EXPECT_EQ(decode_jpeg(view(sound), *sound_size(sound), rgb.data()), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");

  const testing::TempFolder folder;
  const auto path = folder.write("damaged.jpg", std::string(file.begin(), file.end()));
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const std::string& line) { lines.push_back(line); });
  decode(path);
  decode(path);
  set_log_sink({});
  EXPECT_THAT(lines, ::testing::ElementsAre("image: decoded, but libjpeg warns of it (Corrupt JPEG "
                                            "data: premature end of data segment): " +
                                            path.string()));
}

TEST_F(JpegDecode, DataThatEndEarlyAreRefused) {
  Numbers file = golden("baseline.jpg");
  const Size size = *sound_size(file);
  file.resize(file.size() / 2);
  Numbers rgb(bytes_of(size));
  EXPECT_EQ(testing::message_of<BadImage>([&] { decode_jpeg(view(file), size, rgb.data()); }),
            "data that libjpeg refuses (the data end before the image does)");
}

TEST_F(JpegDecode, LeavesOtherSizesAndFourComponentsAlone) {
  const Numbers sound = golden("baseline.jpg");
  const Size size = *sound_size(sound);
  Numbers rgb(bytes_of(size), 7);
  EXPECT_FALSE(decode_jpeg(view(sound), {size.height - 1, size.width}, rgb.data()).has_value());
  const Numbers cmyk = golden("cmyk.jpg");
  EXPECT_FALSE(decode_jpeg(view(cmyk), *sound_size(cmyk), rgb.data()).has_value());
  EXPECT_EQ(rgb, Numbers(bytes_of(size), 7));
}

}  // namespace
}  // namespace ttscale::image
