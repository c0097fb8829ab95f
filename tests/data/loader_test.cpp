// SPDX-License-Identifier: MIT
// The loader gives the same stream whatever the number of threads, within a bounded window, and ends cleanly.
#include "data/loader.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::StartsWith;
using testing::TempFolder;

// A binary PPM of one colour.
std::string ppm(int height, int width, char value) {
  return "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n" +
         std::string(static_cast<std::size_t>(height * width * 3), value);
}

// Images of 2x3 pixels; image i is filled with i and has label i % 5.
class LoaderTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  std::vector<Sample> make(int count) const {
    std::vector<Sample> samples;
    for (int i = 0; i < count; ++i) {
      samples.push_back({folder_.write("a/" + std::to_string(i) + ".ppm", ppm(2, 3, static_cast<char>(i))), i % 5});
    }
    return samples;
  }

  [[nodiscard]] LoaderOptions options(std::int64_t batch_size, OnError on_error = OnError::kStop) const {
    LoaderOptions result;
    result.batch_size = batch_size;
    result.workers = GetParam();
    result.on_error = on_error;
    return result;
  }

  TempFolder folder_;
};

at::Tensor to_chw(const at::Tensor& hwc, const Sample&) { return hwc.permute({2, 0, 1}).to(at::kFloat); }

// The first pixel of each image of a batch.
std::vector<int> values(const Batch& batch) {
  std::vector<int> result;
  for (std::int64_t i = 0; i < batch.images.size(0); ++i) {
    result.push_back(batch.images[i][0][0][0].item().toInt());
  }
  return result;
}

TEST_P(LoaderTest, GivesEverySampleOnceInOrder) {
  const auto samples = make(23);
  Loader loader(samples, options(5), to_chw);
  int next = 0;
  std::vector<std::int64_t> sizes;
  while (const auto batch = loader.next()) {
    sizes.push_back(batch->images.size(0));
    EXPECT_EQ(batch->images.sizes().slice(1), (std::vector<std::int64_t>{3, 2, 3}));
    EXPECT_TRUE(batch->images.is_contiguous());
    EXPECT_EQ(batch->labels.scalar_type(), at::kLong);
    for (std::size_t i = 0; i < batch->samples.size(); ++i, ++next) {
      const auto row = static_cast<std::int64_t>(i);
      EXPECT_TRUE(batch->images[row].eq(next).all().item<bool>());
      EXPECT_EQ(batch->labels[row].item<std::int64_t>(), next % 5);
      EXPECT_EQ(batch->samples[i].path, samples[static_cast<std::size_t>(next)].path);
    }
  }
  EXPECT_THAT(sizes, ElementsAre(5, 5, 5, 5, 3));
  EXPECT_EQ(next, 23);
  EXPECT_FALSE(loader.next().has_value());
  EXPECT_THAT(loader.skipped(), IsEmpty());
}

TEST_P(LoaderTest, SkippedImagesMoveNoOther) {
  auto samples = make(9);
  folder_.write("a/1.ppm", "broken");
  for (const char* name : {"a/3.ppm", "a/4.ppm", "a/5.ppm"}) {
    std::filesystem::remove(folder_ / name);
  }
  Loader loader(samples, options(3, OnError::kSkip), to_chw);
  EXPECT_THAT(values(*loader.next()), ElementsAre(0, 2));
  const Batch last = *loader.next();  // the batch between has nothing left
  EXPECT_THAT(values(last), ElementsAre(6, 7, 8));
  EXPECT_EQ(last.labels.size(0), 3);
  EXPECT_FALSE(loader.next().has_value());
  ASSERT_EQ(loader.skipped().size(), 4U);
  EXPECT_EQ(loader.skipped()[0].sample.path, samples[1].path);
  EXPECT_THAT(loader.skipped()[0].reason, HasSubstr("found something else"));
  EXPECT_EQ(loader.skipped()[3].sample.path, samples[5].path);
  EXPECT_THAT(loader.skipped()[3].reason, HasSubstr("found nothing at"));
}

TEST_P(LoaderTest, LabelMapsStayWithTheirImages) {
  const auto samples = make(7);
  LoaderOptions with_maps = options(3, OnError::kSkip);
  with_maps.label_maps = [&](const at::Tensor& hwc, const Sample& sample) {
    if (sample.path == samples[1].path) {
      throw DataError("bad labels: " + sample.path.string());
    }
    return hwc.select(2, 0).to(at::kLong) + 100;
  };
  Loader loader(samples, with_maps, to_chw);
  std::vector<int> seen;
  while (const auto batch = loader.next()) {
    EXPECT_EQ(batch->label_maps.sizes(), (std::vector<std::int64_t>{batch->images.size(0), 2, 3}));
    EXPECT_TRUE(batch->label_maps.eq(batch->images.select(1, 0).to(at::kLong) + 100).all().item<bool>());
    for (const int value : values(*batch)) {
      seen.push_back(value);
    }
  }
  EXPECT_THAT(seen, ElementsAre(0, 2, 3, 4, 5, 6));
  ASSERT_EQ(loader.skipped().size(), 1U);
  EXPECT_THAT(loader.skipped()[0].reason, StartsWith("bad labels: "));
  with_maps.label_maps = [](const at::Tensor&, const Sample&) { return at::zeros({3, 2}, at::kLong); };
  Loader wrong(samples, with_maps, to_chw);
  EXPECT_THAT(message_of<UsageError>([&] { wrong.next(); }), HasSubstr("height and width of its image"));
}

TEST_P(LoaderTest, FirstUnreadableImageOfTheStreamIsReported) {
  const auto samples = make(12);
  for (const char* name : {"a/5.ppm", "a/7.ppm", "a/11.ppm"}) {
    folder_.write(name, "broken");
  }
  Loader loader(samples, options(4), to_chw);
  EXPECT_EQ(values(*loader.next()).size(), 4U);
  const std::string message = message_of<DataError>([&] { loader.next(); });
  EXPECT_THAT(message, HasSubstr("a/5.ppm"));
  EXPECT_EQ(message_of<DataError>([&] { loader.next(); }), message);
}

TEST_P(LoaderTest, ImagesOfDifferentSizesAreNamed) {
  const auto samples = make(8);
  folder_.write("a/5.ppm", ppm(4, 3, 1));
  folder_.write("a/6.ppm", ppm(2, 9, 1));
  Loader loader(samples, options(4, OnError::kSkip), to_chw);
  EXPECT_TRUE(loader.next().has_value());
  EXPECT_THAT(
      message_of<DataError>([&] { loader.next(); }),
      AllOf(HasSubstr("found 2x3 ("), HasSubstr("a/4.ppm) and 4x3 ("), HasSubstr("a/5.ppm"), HasSubstr("--img-size")));
}

TEST_P(LoaderTest, SizesMayDifferBetweenBatches) {
  const auto samples = make(2);
  folder_.write("a/1.ppm", ppm(4, 5, 1));
  Loader loader(samples, options(1), to_chw);
  EXPECT_EQ(loader.next()->images.size(2), 2);
  EXPECT_EQ(loader.next()->images.size(2), 4);
}

TEST_P(LoaderTest, StreamWithoutAnyReadableImageIsAnError) {
  auto samples = make(3);
  testing::remove_folder(folder_ / "a");
  Loader loader(samples, options(2, OnError::kSkip), to_chw);
  EXPECT_THAT(message_of<DataError>([&] { loader.next(); }),
              AllOf(HasSubstr("found none among 3"), HasSubstr("a/0.ppm")));
}

TEST_P(LoaderTest, StreamThatMayBeEmptyComesToItsEnd) {
  auto samples = make(3);
  testing::remove_folder(folder_ / "a");
  LoaderOptions lenient = options(2, OnError::kSkip);
  lenient.may_be_empty = true;
  Loader loader(samples, lenient, to_chw);
  EXPECT_FALSE(loader.next().has_value());
  EXPECT_EQ(loader.skipped().size(), 3U);
}

TEST_P(LoaderTest, NoSamplesGiveNoBatches) {
  Loader loader({}, options(2), to_chw);
  EXPECT_FALSE(loader.next().has_value());
}

TEST_P(LoaderTest, ErrorsOfTheTransformArriveUnchangedEvenWhenSkipping) {
  Loader loader(make(4), options(2, OnError::kSkip),
                [](const at::Tensor&, const Sample&) -> at::Tensor { throw std::logic_error("mine"); });
  EXPECT_EQ(message_of<std::logic_error>([&] { loader.next(); }), "mine");
}

TEST_P(LoaderTest, TransformMustGiveOneImage) {
  Loader loader(make(1), options(1), [](const at::Tensor& hwc, const Sample&) { return hwc[0]; });
  EXPECT_THAT(message_of<UsageError>([&] { loader.next(); }), HasSubstr("one CPU tensor [C, H, W]"));
}

TEST_P(LoaderTest, KeepsTheTypeOfTheTransform) {
  Loader loader(make(2), options(2), [](const at::Tensor& hwc, const Sample&) { return hwc.permute({2, 0, 1}); });
  const auto batch = loader.next();
  EXPECT_EQ(batch->images.scalar_type(), at::kByte);
  EXPECT_THAT(values(*batch), ElementsAre(0, 1));
}

TEST_P(LoaderTest, PixelLimitReachesTheDecoder) {
  LoaderOptions limited = options(1);
  limited.decode.max_pixels = 5;
  Loader loader(make(1), limited, to_chw);
  EXPECT_THAT(message_of<DataError>([&] { loader.next(); }), HasSubstr("--max-pixels"));
}

INSTANTIATE_TEST_SUITE_P(Workers, LoaderTest, ::testing::Values(0, 1, 4), ::testing::PrintToStringParamName());

class LoaderThreads : public LoaderTest {};

TEST_P(LoaderThreads, ReadAheadIsBounded) {
  std::atomic<int> read{0};
  LoaderOptions bounded = options(2);
  bounded.prefetch_batches = 1;
  Loader loader(make(40), bounded, [&read](const at::Tensor& hwc, const Sample& sample) {
    ++read;
    return to_chw(hwc, sample);
  });
  for (int batch = 1; batch <= 10; ++batch) {
    ASSERT_TRUE(loader.next().has_value());
    std::this_thread::yield();
    // The batches given out, the one that comes next, and one more.
    EXPECT_LE(read.load(), 2 * (batch + 2));
  }
}

TEST_P(LoaderThreads, MayBeDroppedAtAnyTime) {
  const auto samples = make(30);
  for (int taken = 0; taken < 4; ++taken) {
    Loader loader(samples, options(3), to_chw);
    for (int i = 0; i < taken; ++i) {
      loader.next();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, LoaderThreads, ::testing::Values(1, 4), ::testing::PrintToStringParamName());

TEST(LoaderOptions, ValidateNamesTheField) {
  const auto complaint = [](auto change) {
    LoaderOptions options;
    change(options);
    return message_of<UsageError>([&options] { options.validate(); });
  };
  EXPECT_THAT(complaint([](LoaderOptions& o) { o.batch_size = 0; }), StartsWith("batch_size: expected 1 to"));
  EXPECT_THAT(complaint([](LoaderOptions& o) { o.workers = -1; }), StartsWith("workers: expected 0 to 1024, found -1"));
  EXPECT_THAT(complaint([](LoaderOptions& o) { o.prefetch_batches = -1; }), HasSubstr("prefetch_batches"));
  EXPECT_THAT(complaint([](LoaderOptions& o) { o.decode.max_pixels = 0; }), HasSubstr("max_pixels"));
}

TEST(LoaderOptions, TransformMustBeGiven) {
  EXPECT_THAT(message_of<UsageError>([] { Loader loader({}, {}, {}); }), HasSubstr("expected a transform"));
}

}  // namespace
}  // namespace ttscale::data
