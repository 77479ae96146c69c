#include "json_file.h"

#include <cstring>
#include <set>
#include <vector>

#include "fmt/format.h"
#include "gonka/base/json.h"
#include "mapped_file.h"

namespace gonka::model {
namespace {

// Watches the parser: depth, and names in the objects that are open.
class Watcher {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (!problem_.empty()) return false;
    if (depth > static_cast<int>(kJsonDepthMax)) {
      problem_ = fmt::format("nests deeper than {}", kJsonDepthMax);
      return false;
    }
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end) names_.pop_back();
    if (event == Event::key && !names_.back().insert(parsed.get<std::string>()).second) {
      problem_ = fmt::format("{} stands twice in one object", ShortJson(parsed));
    }
    return true;
  }
  const std::string& problem() const { return problem_; }

 private:
  std::vector<std::set<std::string>> names_;
  std::string problem_;
};

// Brackets open at once, before a parser builds anything.
bool IsTooDeep(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<Json> ParseJsonObject(const std::string& path, std::string_view text) {
  if (IsTooDeep(text)) {
    return absl::InvalidArgumentError(fmt::format("{}: nests deeper than {}", path, kJsonDepthMax));
  }
  Watcher watcher;
  try {
    Json json = Json::parse(text.begin(), text.end(), std::ref(watcher));
    if (!watcher.problem().empty()) {
      return absl::InvalidArgumentError(fmt::format("{}: {}", path, watcher.problem()));
    }
    if (!json.is_object()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: must be a JSON object, not {}", path, json.type_name()));
    }
    return json;
  } catch (const Json::exception& error) {
    if (!watcher.problem().empty()) {
      return absl::InvalidArgumentError(fmt::format("{}: {}", path, watcher.problem()));
    }
    return absl::InvalidArgumentError(fmt::format("{}: not JSON: {}", path, error.what()));
  }
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max) {
  GONKA_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  if (file->size() > bytes_max) {
    return absl::InvalidArgumentError(fmt::format("{}: file of {} bytes, at most {} are accepted",
                                                  path, file->size(), bytes_max));
  }
  std::string text(file->size(), '\0');
  GONKA_RETURN_IF_ERROR(file->Read(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  return text;
}

std::string ShortJson(const Json& value) {
  constexpr size_t kMax = 100;
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= kMax ? text : text.substr(0, kMax) + "...";
}

}  // namespace gonka::model
