// SPDX-License-Identifier: MIT
// JSON -> ModelConfig, with one error line for each thing that can be wrong.
#include "image/model_config.h"

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>

#include "base/json_depth.h"
#include "base/message_text.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using Json = nlohmann::json;

// The values of one description file: the top level first, then "pretrained_cfg".
class Description {
 public:
  Description(std::filesystem::path file, Json json) : file_(std::move(file)), json_(std::move(json)) {
    if (!json_.is_object()) {
      throw DataError(file_.string() + ": expected a JSON object, found " + json_.type_name());
    }
    const Json* nested = find_in(json_, "pretrained_cfg");
    if (nested != nullptr && !nested->is_object()) {
      throw wrong("pretrained_cfg", "an object", *nested);
    }
    nested_ = nested;
  }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  // The value of a key, or nothing if it is absent or null.
  [[nodiscard]] const Json* find(const std::string& key) const {
    const Json* value = find_in(json_, key);
    return value == nullptr && nested_ != nullptr ? find_in(*nested_, key) : value;
  }

  [[nodiscard]] DataError wrong(const std::string& key, const std::string& expected, const Json& found) const {
    constexpr std::size_t kShown = 80;  // a list of class names may be long
    const std::string text = found.dump(-1, ' ', false, Json::error_handler_t::replace);
    return DataError(file_.string() + ": key '" + key + "': expected " + expected + ", found " + shown(text, kShown));
  }

  // Values that are checked by others (UsageError) belong to this file here.
  void checked(const std::function<void()>& action) const {
    try {
      action();
    } catch (const UsageError& problem) {
      throw DataError(file_.string() + ": " + problem.what());
    }
  }

 private:
  static const Json* find_in(const Json& object, const std::string& key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  std::filesystem::path file_;
  Json json_;
  const Json* nested_ = nullptr;
};

bool is_count(const Json& value) { return value.is_number_integer() && value >= 1 && value <= (1 << 24); }

template <typename Predicate>
bool all_of(const Json& array, Predicate predicate) {
  return array.is_array() && !array.empty() && std::all_of(array.begin(), array.end(), predicate);
}

void read_input_size(const Description& from, Preprocessing& to) {
  if (const Json* value = from.find("input_size")) {
    if (!all_of(*value, is_count) || value->size() != 3) {
      throw from.wrong("input_size", "[channels, height, width]", *value);
    }
    to.in_chans = (*value)[0];
    to.img_size = Size{(*value)[1], (*value)[2]};
  }
}

void read_numbers(const Description& from, const std::string& key, std::vector<double>& to) {
  if (const Json* value = from.find(key)) {
    if (!all_of(*value, [](const Json& item) { return item.is_number(); })) {
      throw from.wrong(key, "a list of numbers, one a channel", *value);
    }
    to = value->get<std::vector<double>>();
  }
}

void read_number(const Description& from, const std::string& key, double& to) {
  if (const Json* value = from.find(key)) {
    if (!value->is_number()) {
      throw from.wrong(key, "a number", *value);
    }
    to = *value;
  }
}

template <typename Value>
void read_name(const Description& from, const std::string& key, Value (*parse)(const std::string&), Value& to) {
  if (const Json* value = from.find(key)) {
    if (!value->is_string()) {
      throw from.wrong(key, "a text", *value);
    }
    from.checked([&] { to = parse(value->get<std::string>()); });
  }
}

void read_classes(const Description& from, ModelConfig& to) {
  if (const Json* value = from.find("num_classes")) {
    if (!is_count(*value)) {
      throw from.wrong("num_classes", "a whole number of at least 1", *value);
    }
    to.num_classes = value->get<std::int64_t>();
  }
  const Json* value = from.find("classes");
  if (value == nullptr) {
    return;
  }
  if (!all_of(*value,
              [](const Json& item) { return item.is_string() && !item.get_ref<const std::string&>().empty(); })) {
    throw from.wrong("classes", "a list of folder names in the order of the model's outputs", *value);
  }
  to.classes = value->get<std::vector<std::string>>();
  if (std::set<std::string>(to.classes.begin(), to.classes.end()).size() != to.classes.size()) {
    throw from.wrong("classes", "different names", *value);
  }
  if (to.num_classes && *to.num_classes != static_cast<std::int64_t>(to.classes.size())) {
    throw from.wrong("num_classes", std::to_string(to.classes.size()) + " (the length of 'classes')", *to.num_classes);
  }
}

Json parse_json(const std::string& text, const std::filesystem::path& file) {
  if (json_depth(text) > kMaxJsonDepth) {
    throw DataError(file.string() + ": expected at most " + std::to_string(kMaxJsonDepth) +
                    " levels of JSON, found more; correct or remove the file");
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw DataError(file.string() + ": expected JSON, found something else; correct or remove the file");
  }
  return json;
}

}  // namespace

std::vector<std::filesystem::path> model_config_files(const std::filesystem::path& model_file) {
  std::vector<std::filesystem::path> files;
  for (std::filesystem::path stem = model_file.stem(); !stem.empty(); stem = stem.stem()) {
    std::filesystem::path name = stem;
    name += ".json";
    files.push_back(model_file.parent_path() / name);
    if (!stem.has_extension()) {
      break;
    }
  }
  files.push_back(model_file.parent_path() / "model.json");
  return files;
}

ModelConfig read_model_config(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    throw DataError("model description: expected a readable JSON file, found none at " + file.string());
  }
  return parse_model_config(text.str(), file);
}

ModelConfig parse_model_config(const std::string& text, const std::filesystem::path& file) {
  const Description from(file, parse_json(text, file));
  ModelConfig config;
  config.file = file;
  Preprocessing& preprocessing = config.preprocessing;
  read_input_size(from, preprocessing);
  read_number(from, "crop_pct", preprocessing.crop_pct);
  read_name(from, "crop_mode", parse_crop_mode, preprocessing.crop_mode);
  read_name(from, "interpolation", parse_interpolation, preprocessing.interpolation);
  read_numbers(from, "mean", preprocessing.mean);
  read_numbers(from, "std", preprocessing.std);
  from.checked([&] { preprocessing.validate(); });
  read_classes(from, config);
  return config;
}

std::optional<ModelConfig> find_model_config(const std::filesystem::path& model_file) {
  for (const auto& file : model_config_files(model_file)) {
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) {
      return read_model_config(file);
    }
  }
  return std::nullopt;
}

}  // namespace ttscale::image
