// SPDX-License-Identifier: MIT
// What decode() refuses, with which words, and what it never writes to stderr.
#include "image/decode.h"

#include <gmock/gmock.h>

#include "image/golden.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::AllOf;
using testing::golden_dir;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::read_file;
using testing::TempFolder;

std::string golden(const std::string& name) { return read_file(golden_dir() / name); }

// The message of decoding these bytes; stderr must stay silent.
std::string refusal(const std::string& bytes, const DecodeLimits& limits = {}) {
  const TempFolder folder;
  const auto file = folder.write("image.bin", bytes);
  ::testing::internal::CaptureStderr();
  const std::string message = message_of<DataError>([&] { decode(file, limits); });
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  return message;
}

void replace_text(std::string& bytes, const std::string& from, const std::string& to) {
  bytes.replace(bytes.find(from), from.size(), to);
}

TEST(Decode, GivesContiguousRgbBytes) {
  const at::Tensor image = decode(golden_dir() / "rgb.png");
  EXPECT_EQ(image.sizes(), (std::vector<std::int64_t>{20, 31, 3}));
  EXPECT_EQ(image.scalar_type(), at::kByte);
  EXPECT_TRUE(image.is_contiguous());
}

TEST(Decode, MissingFileIsNamed) {
  EXPECT_THAT(message_of<DataError>([] { decode("no/such.png"); }),
              AllOf(HasSubstr("found nothing at no/such.png"), HasSubstr("check the path")));
}

TEST(Decode, FolderIsRefused) {
  const TempFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { decode(folder.path()); }), HasSubstr("found a folder"));
}

TEST(Decode, EmptyFileIsRefused) { EXPECT_THAT(refusal(""), HasSubstr("empty file (0 bytes)")); }

TEST(Decode, OtherFormatsAreNamedAndRefused) {
  EXPECT_THAT(refusal("GIF89a......"), HasSubstr("a GIF file"));
  EXPECT_THAT(refusal(std::string("II*\0......", 10)), HasSubstr("a TIFF file"));
  EXPECT_THAT(refusal(std::string("MM\0*......", 10)), HasSubstr("a TIFF file"));
  EXPECT_THAT(refusal("....ftypavif"), HasSubstr("AVIF or HEIC"));
  EXPECT_THAT(refusal("<html>"), HasSubstr("HTML"));
  EXPECT_THAT(refusal("hello"), AllOf(HasSubstr("JPEG, PNG, PPM, BMP or WebP"), HasSubstr("something else")));
}

TEST(Decode, JpegCutAnywhereIsRefused) {
  const std::string jpeg = golden("baseline.jpg");
  for (std::size_t size = 3; size < jpeg.size(); size += 97) {
    EXPECT_THAT(refusal(jpeg.substr(0, size)), HasSubstr("a truncated JPEG")) << size;
  }
  EXPECT_THAT(refusal(jpeg.substr(0, jpeg.size() - 1)), HasSubstr("no end-of-image marker"));
  EXPECT_THAT(refusal(golden("progressive.jpg").substr(0, 2500)), HasSubstr("a truncated JPEG"));
}

TEST(Decode, JpegWithBytesBehindItsEndIsAccepted) {
  const TempFolder folder;
  const auto file = folder.write("a.jpg", golden("baseline.jpg") + "trailing bytes");
  EXPECT_TRUE(decode(file).equal(decode(golden_dir() / "baseline.jpg")));
}

TEST(Decode, JpegWithoutMarkersOrPixelsIsRefused) {
  EXPECT_THAT(refusal("\xFF\xD8\xFFgarbage and more of it"), HasSubstr("JPEG"));
  EXPECT_THAT(refusal("\xFF\xD8\xFF\xD9"), HasSubstr("a JPEG without an image"));
  EXPECT_THAT(refusal(std::string("\xFF\xD8\xFF\xE0\x00\x01", 6)), HasSubstr("segment of length 1"));
  EXPECT_THAT(refusal(std::string("\xFF\xD8\xFF\xE0\x00\x02x", 7)), HasSubstr("a truncated JPEG"));
  EXPECT_THAT(refusal(std::string("\xFF\xD8\xFF\xE0\x00\x02xy", 8)), HasSubstr("no marker at byte 6"));
}

TEST(Decode, PngCutAnywhereIsRefused) {
  const std::string png = golden("rgb.png");
  for (std::size_t size = 8; size < png.size(); size += 61) {
    EXPECT_THAT(refusal(png.substr(0, size)), HasSubstr("a truncated PNG")) << size;
  }
  EXPECT_THAT(refusal(png.substr(0, png.size() - 12)), HasSubstr("no end chunk"));
}

TEST(Decode, PngWithChangedBytesIsRefused) {
  std::string png = golden("rgb.png");
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 1);
  EXPECT_THAT(refusal(png), HasSubstr("checksum of chunk IDAT"));
  std::string header = golden("rgb.png");
  replace_text(header, "IHDR", "IHDX");
  EXPECT_THAT(refusal(header), HasSubstr("no header chunk"));
}

TEST(Decode, PngWithBrokenProfileIsSilent) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(decode(golden_dir() / "rgba.png").size(2), 3);  // the script gave it an ICC profile that libpng dislikes
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Decode, SimpleFormatsCutShortAreRefused) {
  for (const char* name : {"rgb.ppm", "gray.pgm", "bilevel.pbm", "rgb.bmp", "palette.bmp", "lossy.webp"}) {
    const std::string bytes = golden(name);
    EXPECT_THAT(refusal(bytes.substr(0, bytes.size() - 1)), HasSubstr("a truncated file")) << name;
    EXPECT_THAT(refusal(bytes.substr(0, 12)), HasSubstr("a truncated file")) << name;
  }
}

TEST(Decode, RareKindsWithOtherPixelsThanPillowAreRefused) {
  EXPECT_THAT(refusal("P3\n1 1\n255\n1 2 3\n"), HasSubstr("netpbm in text form (P3)"));
  EXPECT_THAT(refusal("P5\n1 1\n15\n1"), HasSubstr("maximum of 15"));
  EXPECT_THAT(refusal("P5 x"), HasSubstr("without its numbers"));
  std::string bmp = golden("rgb.bmp");
  bmp[28] = 16;
  EXPECT_THAT(refusal(bmp), HasSubstr("a BMP of a rare kind"));
  bmp[14] = 12;
  EXPECT_THAT(refusal(bmp), HasSubstr("OS/2"));
}

TEST(Decode, NetpbmCommentsAreSkipped) {
  const TempFolder folder;
  const at::Tensor image = decode(folder.write("a.pgm", "P5 # made by hand\n2 # width\n1\n255\n\x10\x20"));
  EXPECT_EQ(image[0][1][0].item<int>(), 0x20);
}

TEST(Decode, AnimatedWebpIsRefused) {
  std::string webp("RIFF\x1A\0\0\0WEBPVP8X\x0A\0\0\0\x02\0\0\0\x01\0\0\x01\0\0\0\0\0\0", 34);
  EXPECT_THAT(refusal(webp), HasSubstr("an animated WebP"));
}

TEST(Decode, HugeFileIsRefusedUnread) {
  const TempFolder folder;
  const auto file = folder.write("a.jpg", "x");
  std::filesystem::resize_file(file, std::uintmax_t{1} << 32U);  // sparse
  EXPECT_THAT(message_of<DataError>([&] { decode(file); }), HasSubstr("at most 1073741824 bytes, found 4294967296"));
}

TEST(Decode, ImageWithoutPixelsIsRefused) {
  EXPECT_THAT(refusal("P5\n0 5\n255\n"), HasSubstr("an image without pixels (5x0)"));
  std::string bmp = golden("rgb.bmp");
  bmp.replace(18, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_THAT(refusal(bmp), HasSubstr("an image without pixels (20x-1)"));
}

TEST(Decode, ImageBombIsRefusedByItsHeader) {
  std::string pgm = "P4\n100000 100000\n";
  pgm.resize(pgm.size() + 16);
  EXPECT_THAT(refusal(pgm), HasSubstr("a truncated file"));
  const DecodeLimits limits{619};
  EXPECT_THAT(refusal(golden("rgb.png"), limits),
              AllOf(HasSubstr("at most 619 pixels"), HasSubstr("found 20x31"), HasSubstr("--max-pixels")));
  EXPECT_THAT(refusal(golden("rgb.ppm"), limits), HasSubstr("--max-pixels"));
  EXPECT_THAT(refusal(golden("lossless.webp"), limits), HasSubstr("found 20x31"));
  EXPECT_THAT(refusal(golden("lossy.webp"), limits), HasSubstr("found 61x83"));
  EXPECT_THAT(refusal(golden("baseline.jpg"), limits), HasSubstr("found 61x83"));
  const TempFolder folder;
  EXPECT_NO_THROW(decode(folder.write("a.png", golden("rgb.png")), DecodeLimits{620}));
}

TEST(Decode, JpegThatClaimsManyPixelsIsRefusedAtOnce) {
  std::string jpeg = golden("baseline.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_THAT(refusal(jpeg), AllOf(HasSubstr("178956970 pixels"), HasSubstr("found 65535x65535")));
}

}  // namespace
}  // namespace ttscale::image
