#include "json_reader.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "fmt/format.h"
#include "gonka/base/json.h"

namespace gonka::model::jinja {
namespace {

using Json = nlohmann::json;

// Builds values without a document in between, so that depth is bounded while reading.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(Runtime& runtime) : runtime_(runtime) {}

  Value Take() { return std::move(result_); }
  const absl::Status& status() const { return status_; }

  bool null() override { return Add(Value()); }
  bool boolean(bool value) override { return Add(Value(value)); }
  bool number_integer(number_integer_t value) override { return Add(Value(int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) {
      return Fail(absl::InvalidArgumentError(fmt::format("number {} is too large", value)));
    }
    return Add(Value(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return Add(Value(value)); }
  bool string(string_t& value) override {
    return AddResult(runtime_.MakeString(Str::Untrusted(value)));
  }
  bool binary(binary_t&) override { return Fail(absl::InvalidArgumentError("binary value")); }
  bool start_object(std::size_t) override { return Open(true); }
  bool start_array(std::size_t) override { return Open(false); }
  bool key(string_t& value) override {
    open_.back().key = value;
    return true;
  }
  bool end_object() override { return CloseObject(); }
  bool end_array() override {
    std::vector<Value> items = std::move(open_.back().items);
    open_.pop_back();
    return AddResult(runtime_.MakeList(std::move(items)));
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) override {
    const std::string near = token.size() <= 40 ? token : token.substr(0, 40) + "...";
    return Fail(absl::InvalidArgumentError(
        fmt::format("not JSON at byte {}, near {}", position, JsonQuote(near))));
  }

 private:
  struct Level {
    bool is_object;
    std::string key;
    std::vector<std::string> keys;
    std::vector<Value> items;
  };

  bool Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
    return false;
  }

  bool Open(bool is_object) {
    // The value itself is one level; MakeList and MakeDict count the same way.
    if (open_.size() >= runtime_.limits().depth_max) {
      return Fail(absl::ResourceExhaustedError(
          fmt::format("nested deeper than {} levels", runtime_.limits().depth_max)));
    }
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool AddResult(absl::StatusOr<Value> value) {
    if (!value.ok()) return Fail(value.status());
    return Add(*std::move(value));
  }

  bool Add(Value value) {
    if (const absl::Status status = runtime_.Charge(sizeof(Value)); !status.ok()) {
      return Fail(status);
    }
    if (open_.empty()) {
      result_ = std::move(value);
      return true;
    }
    Level& level = open_.back();
    if (level.is_object) level.keys.push_back(std::move(level.key));
    level.items.push_back(std::move(value));
    return true;
  }

  bool CloseObject() {
    Level level = std::move(open_.back());
    open_.pop_back();
    Dict dict;
    std::unordered_map<std::string_view, size_t> places;
    for (size_t i = 0; i < level.keys.size(); ++i) {
      const auto [place, is_new] = places.emplace(level.keys[i], dict.entries.size());
      if (is_new) {
        dict.entries.emplace_back(level.keys[i], std::move(level.items[i]));
      } else {
        dict.entries[place->second].second = std::move(level.items[i]);
      }
    }
    return AddResult(runtime_.MakeDict(std::move(dict)));
  }

  Runtime& runtime_;
  std::vector<Level> open_;
  Value result_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<Value> ReadJson(std::string_view json, std::string_view what, Runtime& runtime) {
  Builder builder(runtime);
  const bool parsed = Json::sax_parse(json.begin(), json.end(), &builder);
  if (!builder.status().ok()) return Annotate(builder.status(), std::string(what));
  if (!parsed) return absl::InvalidArgumentError(fmt::format("{}: not JSON", what));
  return builder.Take();
}

}  // namespace gonka::model::jinja
