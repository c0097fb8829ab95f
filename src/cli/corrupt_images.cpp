// SPDX-License-Identifier: MIT
// Threads take the next image; the caller's thread hears of what they did.
#include "cli/corrupt_images.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/file.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error("cannot make the folder " + folder.string() + ": " + error.message());
  }
}

/// What one image added.
struct Outcome {
  std::size_t written = 0;
  std::size_t kept = 0;
  std::string left_out;
};

/// All copies of one image that are missing. The image is decoded only if there are any.
Outcome corrupt_image(const CorruptPlan& plan, const fs::path& image) {
  Outcome outcome;
  const std::string name = image.lexically_relative(plan.source).generic_string();
  at::Tensor pixels;
  for (const shift::Shift& shift : plan.shifts) {
    const fs::path copy = plan.copy_of(image, shift);
    std::error_code error;
    if (fs::exists(copy, error)) {
      ++outcome.kept;
      continue;
    }
    if (!pixels.defined()) {
      pixels = image::fit(image::decode(image, plan.limits), plan.geometry);
    }
    const std::uint64_t seed = shift::image_seed(plan.seed, shift, name);
    make_folder(copy.parent_path());
    write_file(copy, image::encode(shift::apply(pixels, shift, plan.parameters, seed), plan.encoding));
    ++outcome.written;
  }
  return outcome;
}

class Workers {
 public:
  explicit Workers(const CorruptPlan& plan) : plan_(plan) {
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(plan.workers), plan.images.size());
    running_ = count;
    for (std::size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  ~Workers() {
    stop();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// What the next finished image added; nullopt when all are done. Throws what a thread threw.
  std::optional<Outcome> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !finished_.empty() || failure_ != nullptr || running_ == 0; });
    if (failure_ != nullptr) {
      std::rethrow_exception(failure_);
    }
    if (finished_.empty()) {
      return std::nullopt;
    }
    Outcome outcome = std::move(finished_.back());
    finished_.pop_back();
    return outcome;
  }

 private:
  void stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    next_ = plan_.images.size();
  }

  const fs::path* take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return next_ < plan_.images.size() ? &plan_.images[next_++] : nullptr;
  }

  void work() {
    while (const fs::path* image = take()) {
      try {
        report(corrupt_image(plan_, *image));
      } catch (const DataError& error) {
        fail_or_skip(error);
      } catch (...) {
        fail(std::current_exception());
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    --running_;
    changed_.notify_all();
  }

  void report(Outcome outcome) {
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_.push_back(std::move(outcome));
    changed_.notify_all();
  }

  void fail_or_skip(const DataError& error) {
    if (plan_.on_error == data::OnError::kSkip) {
      report({0, 0, error.what()});
    } else {
      fail(std::current_exception());
    }
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failure_ == nullptr) {
      failure_ = std::move(failure);
    }
    next_ = plan_.images.size();
    changed_.notify_all();
  }

  const CorruptPlan& plan_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  std::vector<Outcome> finished_;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

fs::path CorruptPlan::copy_of(const fs::path& image, const shift::Shift& shift) const {
  fs::path name = image.lexically_relative(source);
  name.replace_extension(encoding.extension());
  return target / shift.kind / std::to_string(shift.severity) / name;
}

CorruptCounts corrupt_images(const CorruptPlan& plan, const std::function<void(const CorruptCounts&)>& watch) {
  CorruptCounts counts;
  Workers workers(plan);
  while (auto outcome = workers.wait()) {
    ++counts.images;
    counts.written += outcome->written;
    counts.kept += outcome->kept;
    if (!outcome->left_out.empty()) {
      counts.left_out.push_back(std::move(outcome->left_out));
    }
    watch(counts);
  }
  std::sort(counts.left_out.begin(), counts.left_out.end());
  return counts;
}

}  // namespace ttscale::cli
