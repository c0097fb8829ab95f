// SPDX-License-Identifier: MIT
// Frames of real cv::Mat and of raw pixels.
#include "ttscale/frame.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <array>
#include <opencv2/core.hpp>

#include "temp_folder.h"

namespace ttscale {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

float at_pixel(const at::Tensor& tensor, int channel, int y, int x) { return tensor[0][channel][y][x].item<float>(); }

TEST(Frame, BgrMatBecomesRgbTensor) {
  cv::Mat frame(2, 3, CV_8UC3, cv::Scalar(10, 20, 30));
  frame.at<cv::Vec3b>(1, 2) = {255, 128, 0};
  const at::Tensor tensor = to_tensor(frame);
  EXPECT_EQ(tensor.sizes(), (std::vector<std::int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(tensor.scalar_type(), at::kFloat);
  EXPECT_EQ(at_pixel(tensor, 0, 0, 0), 30.0F / 255.0F);
  EXPECT_EQ(at_pixel(tensor, 2, 0, 0), 10.0F / 255.0F);
  EXPECT_EQ(at_pixel(tensor, 0, 1, 2), 0.0F);
  EXPECT_EQ(at_pixel(tensor, 2, 1, 2), 1.0F);
}

TEST(Frame, RegionOfInterestKeepsItsStride) {
  cv::Mat frame(4, 6, CV_8UC3, cv::Scalar(0, 0, 0));
  frame.at<cv::Vec3b>(2, 3) = {0, 0, 255};
  const at::Tensor tensor = to_tensor(frame(cv::Rect(2, 1, 3, 2)));
  EXPECT_EQ(tensor.sizes(), (std::vector<std::int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(at_pixel(tensor, 0, 1, 1), 1.0F);
  EXPECT_EQ(tensor.sum().item<float>(), 1.0F);
}

TEST(Frame, GrayIsRepeatedAndAlphaDropped) {
  const at::Tensor gray = to_tensor(cv::Mat(2, 2, CV_8UC1, cv::Scalar(51)));
  EXPECT_TRUE(gray.equal(at::full({1, 3, 2, 2}, 51.0F / 255.0F)));
  const at::Tensor bgra = to_tensor(cv::Mat(2, 2, CV_8UC4, cv::Scalar(1, 2, 3, 99)));
  EXPECT_EQ(at_pixel(bgra, 0, 0, 0), 3.0F / 255.0F);
  EXPECT_EQ(at_pixel(bgra, 2, 1, 1), 1.0F / 255.0F);
}

TEST(Frame, RawRgbKeepsItsOrder) {
  const std::array<std::uint8_t, 8> pixels = {1, 2, 3, 0, 4, 5, 6, 0};  // one pixel a row, a byte of padding
  const at::Tensor tensor = to_tensor(FrameView{pixels.data(), 2, 1, 4, 3, ChannelOrder::kRGB});
  EXPECT_EQ(at_pixel(tensor, 0, 0, 0), 1.0F / 255.0F);
  EXPECT_EQ(at_pixel(tensor, 2, 1, 0), 6.0F / 255.0F);
}

TEST(Frame, OtherTypesAreNamed) {
  EXPECT_EQ(message_of<UsageError>([] { to_tensor(cv::Mat(2, 2, CV_32FC3)); }),
            "to_tensor: expected a frame of type CV_8UC1, CV_8UC3 or CV_8UC4, found CV_32FC3; convert it with "
            "convertTo and cvtColor first");
  EXPECT_THAT(message_of<UsageError>([] { to_tensor(cv::Mat(2, 2, CV_8UC2)); }), HasSubstr("found CV_8UC2;"));
  EXPECT_THAT(message_of<UsageError>([] { to_tensor(cv::Mat(2, 2, CV_16UC1)); }), HasSubstr("found CV_16UC1;"));
}

TEST(Frame, EmptyFramesAreDataErrors) {
  EXPECT_THAT(message_of<DataError>([] { to_tensor(cv::Mat()); }), HasSubstr("found an empty one"));
  EXPECT_THAT(message_of<DataError>([] { to_tensor(FrameView{}); }), HasSubstr("found an empty one"));
}

TEST(Frame, WrongViewsAreRefused) {
  const std::array<std::uint8_t, 12> pixels{};
  EXPECT_THAT(message_of<UsageError>([&] {
                to_tensor(FrameView{pixels.data(), 2, 2, 4, 2});
              }),
              HasSubstr("expected 1, 3 or 4 channels, found 2"));
  EXPECT_THAT(message_of<UsageError>([&] {
                to_tensor(FrameView{pixels.data(), 2, 2, 5, 3});
              }),
              HasSubstr("at least width * channels = 6 bytes, found 5"));
}

}  // namespace
}  // namespace ttscale
