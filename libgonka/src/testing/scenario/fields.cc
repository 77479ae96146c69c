#include "testing/scenario/fields.h"

namespace gonka::testing {
namespace {

constexpr size_t kDepthMax = 16;
constexpr size_t kShownMax = 60;

std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
  return text;
}

}  // namespace

void ReadContext::Complain(const std::string& path, const std::string& why) {
  if (!status.ok()) return;
  status = absl::InvalidArgumentError(fmt::format("{}: {} {}", file, path, why));
}

void ReadContext::Refuse(const std::string& path, const std::string& must, const Json& value) {
  Complain(path, fmt::format("must be {}, is {}", must, Shown(value)));
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, bool& out) {
  if (!json.is_boolean()) return context.Refuse(path, "true or false", json);
  out = json.get<bool>();
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, std::string& out) {
  if (!json.is_string()) return context.Refuse(path, "a text", json);
  out = json.get<std::string>();
}

void ReadInteger(ReadContext& context, const std::string& path, const Json& json, int64_t min,
                 uint64_t max, int64_t& out) {
  const bool fits = json.is_number_unsigned()  ? json.get<uint64_t>() <= max
                    : json.is_number_integer() ? json.get<int64_t>() >= min
                                               : false;
  if (!fits) return context.Refuse(path, fmt::format("a whole number in {}..{}", min, max), json);
  const auto value = json.get<int64_t>();
  if (value < min) {
    return context.Refuse(path, fmt::format("a whole number in {}..{}", min, max), json);
  }
  out = value;
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, Amount& out) {
  int64_t units = 0;
  ReadInteger(context, path, json, 0, Amount::kMax, units);
  out = Amount(static_cast<uint64_t>(units));
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, Ppm& out) {
  int64_t value = 0;
  ReadInteger(context, path, json, 0, Ppm::kOne, value);
  out = Ppm{static_cast<uint32_t>(value)};
}

Fields::Fields(ReadContext& context, std::string path, const Json& json)
    : context_(context), path_(std::move(path)), json_(json) {
  if (!json.is_object()) context_.Refuse(path_.empty() ? "the file" : path_, "an object", json);
}

Fields::~Fields() {
  if (!json_.is_object()) return;
  for (const auto& [name, value] : json_.items()) {
    if (asked_.contains(name)) continue;
    std::string known;
    for (const std::string& other : asked_) known += (known.empty() ? "" : ", ") + other;
    context_.Complain(Path(name), fmt::format("is unknown; known are: {}", known));
  }
}

const Json* Fields::Find(const std::string& name) {
  asked_.insert(name);
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(name);
  return found == json_.end() ? nullptr : &*found;
}

Json ParseJson(ReadContext& context, std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::string twice;
  bool deep = false;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto name = value.get<std::string>();
      if (!open.back().insert(name).second && twice.empty()) twice = name;
    }
    return true;
  };
  size_t depth = 0;
  for (const char c : text) {  // Brackets in texts count, too: there is no need for so many.
    depth += c == '{' || c == '[' ? 1 : 0;
    depth -= (c == '}' || c == ']') && depth > 0 ? 1 : 0;
    deep = deep || depth > kDepthMax;
  }
  if (deep) {
    context.Complain("the file", fmt::format("nests deeper than {} levels", kDepthMax));
    return Json::object();
  }
  try {
    Json json = Json::parse(text, watch);
    if (!twice.empty()) context.Complain(twice, "stands twice in one object");
    return json;
  } catch (const Json::exception& error) {
    std::string_view why = error.what();
    if (const size_t prefix = why.find("] "); prefix != why.npos) why.remove_prefix(prefix + 2);
    context.Complain("the file", fmt::format("is no JSON: {}", why.substr(0, 200)));
    return Json::object();
  }
}

}  // namespace gonka::testing
