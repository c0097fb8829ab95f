// SPDX-License-Identifier: MIT
// Predictions are in the file as soon as a batch is done.
#include "report/predictions.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "example.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::string kHeader = "domain,rule,path,label,prediction,confidence,protocol,batch_size,seed\n";
const std::vector<eval::DomainPlan> kDomains = {{"snow/1", 2}, {"fog/3", 2}};
const eval::Setting kSetting{"mixed", 8, 3};
const std::string kRule = "prior:count=16,mixing=total";
const std::vector<data::Sample> kSamples = {{"data/fog/3/a/1.png", 0, 1}, {"data/fog/3/b, \"c\"/2.png", 1, 1}};
const std::vector<metrics::Prediction> kPredictions = {{1, 0.98765432}, {}};

class PredictionsTest : public FolderTest {};

TEST_F(PredictionsTest, RowsAreInTheFileBeforeItIsClosed) {
  PredictionsWriter writer(folder / "p.csv");
  EXPECT_EQ(read_file(folder / "p.csv"), kHeader);
  writer.write({kSetting, kDomains, kRule, kSamples, kPredictions});
  EXPECT_EQ(read_file(folder / "p.csv"),
            kHeader + "fog/3,\"prior:count=16,mixing=total\",data/fog/3/a/1.png,0,1,0.987654,mixed,8,3\n" +
                "fog/3,\"prior:count=16,mixing=total\",\"data/fog/3/b, \"\"c\"\"/2.png\",1,-1,nan,mixed,8,3\n");
  writer.close();
}

TEST_F(PredictionsTest, GoesOnAfterWhatAnEarlierRunFinished) {
  std::int64_t finished = 0;
  {
    PredictionsWriter writer(folder / "p.csv");
    writer.write({kSetting, kDomains, kRule, kSamples, kPredictions});
    finished = writer.sync();
    writer.write({kSetting, kDomains, "lost", kSamples, kPredictions});
  }
  const std::string whole = read_file(folder / "p.csv");
  PredictionsWriter writer(folder / "p.csv", finished);
  EXPECT_EQ(read_file(folder / "p.csv"), whole.substr(0, static_cast<std::size_t>(finished)));
  writer.write({kSetting, kDomains, "lost", kSamples, kPredictions});
  writer.close();
  EXPECT_EQ(read_file(folder / "p.csv"), whole);
  EXPECT_THAT([&] { PredictionsWriter(folder / "p.csv", 100000); }, ThrowsMessage<DataError>(HasSubstr("p.csv")));
}

TEST_F(PredictionsTest, UnwritablePathFailsWhenOpened) {
  EXPECT_THAT([&] { PredictionsWriter(folder / "none/p.csv"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("none/p.csv"), HasSubstr("No such file or directory"))));
  EXPECT_THROW(PredictionsWriter{folder}, Error);
}

TEST_F(PredictionsTest, FullDiskFailsWhenOpened) {
  EXPECT_THAT([] { PredictionsWriter("/dev/full"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("/dev/full"), HasSubstr("No space left on device"))));
}

TEST_F(PredictionsTest, DiskThatFillsUpLeavesWholeBatches) {
  PredictionsWriter writer(folder / "p.csv");
  writer.write({kSetting, kDomains, kRule, kSamples, kPredictions});
  const std::string kept = read_file(folder / "p.csv");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{kept.size() + 10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  EXPECT_THAT(
      [&] {
        writer.write({kSetting, kDomains, kRule, kSamples, kPredictions});
      },
      ThrowsMessage<Error>(HasSubstr("File too large")));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(read_file(folder / "p.csv"), kept);
}

}  // namespace
}  // namespace ttscale::report
