#pragma once

// Reads a JSON object field by field. The first thing that is wrong is kept, with its path; what is
// read after it are defaults. A field that nobody asked for is wrong, too.

#include <fmt/format.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gonka/base/amount.h"
#include "gonka/base/status.h"

namespace gonka::testing {

using Json = nlohmann::json;

// What a reader may refer to, and what went wrong.
struct ReadContext {
  std::string file;
  size_t participants = 0;  // With newcomers.
  size_t developers = 0;
  std::set<std::string> labels;  // Of requests.
  absl::Status status;

  void Complain(const std::string& path, const std::string& why);
  // "must be ..., is ...", with the value as it stands there.
  void Refuse(const std::string& path, const std::string& must, const Json& value);
};

// All of Json's types that a scenario uses; others add overloads of their own.
void ReadValue(ReadContext& context, const std::string& path, const Json& json, bool& out);
void ReadValue(ReadContext& context, const std::string& path, const Json& json, std::string& out);
void ReadInteger(ReadContext& context, const std::string& path, const Json& json, int64_t min,
                 uint64_t max, int64_t& out);
void ReadValue(ReadContext& context, const std::string& path, const Json& json, Amount& out);
void ReadValue(ReadContext& context, const std::string& path, const Json& json, Ppm& out);

template <std::integral T>
void ReadValue(ReadContext& context, const std::string& path, const Json& json, T& out) {
  int64_t value = 0;
  constexpr uint64_t kMax =
      std::min<uint64_t>(static_cast<uint64_t>(std::numeric_limits<T>::max()), INT64_MAX);
  constexpr int64_t kMin = std::signed_integral<T> ? std::numeric_limits<T>::min() : 0;
  ReadInteger(context, path, json, kMin, kMax, value);
  out = static_cast<T>(value);
}

inline constexpr size_t kListMax = 10'000;

template <class T>
void ReadValue(ReadContext& context, const std::string& path, const Json& json,
               std::vector<T>& out) {
  if (!json.is_array() || json.size() > kListMax) {
    return context.Refuse(path, fmt::format("a list of at most {}", kListMax), json);
  }
  for (size_t i = 0; i < json.size(); ++i) {
    ReadValue(context, fmt::format("{}[{}]", path, i), json[i], out.emplace_back());
  }
}

template <class T>
void ReadValue(ReadContext& context, const std::string& path, const Json& json,
               std::optional<T>& out) {
  ReadValue(context, path, json, out.emplace());
}

class Fields {
 public:
  Fields(ReadContext& context, std::string path, const Json& json);
  ~Fields();  // Complains of what nobody asked for.
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  // Null where it is not there.
  const Json* Find(const std::string& name);
  std::string Path(const std::string& name) const {
    return path_.empty() ? name : path_ + "." + name;
  }
  template <class T>
  bool Read(const std::string& name, T& out) {
    const Json* json = Find(name);
    if (json != nullptr) ReadValue(context_, Path(name), *json, out);
    return json != nullptr;
  }
  template <class T>
  void Require(const std::string& name, T& out) {
    if (!Read(name, out)) context_.Complain(Path(name), "is missing");
  }
  const std::string& path() const { return path_; }
  ReadContext& context() { return context_; }

 private:
  ReadContext& context_;
  const std::string path_;
  const Json& json_;
  std::set<std::string> asked_;
};

// The whole text; complains where it is no JSON object, nests too deep or says a name twice.
Json ParseJson(ReadContext& context, std::string_view text);

}  // namespace gonka::testing
