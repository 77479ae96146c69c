#pragma once

// Filters, tests, methods and global functions. Their messages do not name a line; the interpreter
// adds it.

#include <string_view>

#include "runtime.h"

namespace gonka::model::jinja {

// The name under which a capturing set block's filters find what it printed: no template can say
// it.
inline constexpr std::string_view kCaptured = "{captured}";

bool IsFilter(std::string_view name);
absl::StatusOr<Value> ApplyFilter(Runtime& runtime, std::string_view name, const Value& subject,
                                  const Args& args);

bool IsTest(std::string_view name);
absl::StatusOr<bool> ApplyTest(Runtime& runtime, std::string_view name, const Value& subject,
                               const Args& args);

absl::StatusOr<Value> CallMethod(Runtime& runtime, const Value& object, std::string_view name,
                                 const Args& args);

bool IsGlobalFunction(std::string_view name, const Runtime& runtime);
absl::StatusOr<Value> CallGlobal(Runtime& runtime, std::string_view name, const Args& args);

// object.name and object[key]; undefined where there is none. An error on undefined objects.
absl::StatusOr<Value> GetAttribute(Runtime& runtime, const Value& object, std::string_view name);
absl::StatusOr<Value> GetItem(Runtime& runtime, const Value& object, const Value& key);

// What a for loop goes over: elements, keys or characters.
absl::StatusOr<std::vector<Value>> Iterate(Runtime& runtime, const Value& value);
// needle in haystack.
absl::StatusOr<bool> Contains(Runtime& runtime, const Value& haystack, const Value& needle);
// Negative, 0 or positive. An error where Python has no order.
absl::StatusOr<int> Order(const Value& a, const Value& b);
absl::StatusOr<Value> Length(Runtime& runtime, const Value& value);

// Arguments by their parameters' names; null where not given.
class Bound {
 public:
  static absl::StatusOr<Bound> Bind(std::string_view callee,
                                    const std::vector<std::string_view>& parameters,
                                    const Args& args);
  const Value* Get(size_t i) const { return values_[i]; }
  absl::StatusOr<int64_t> IntOr(size_t i, int64_t fallback) const;
  bool TrueOr(size_t i, bool fallback) const { return values_[i] ? Truthy(*values_[i]) : fallback; }
  // An error where the argument is given and no string.
  absl::StatusOr<const Str*> StrOrNull(size_t i) const;
  absl::StatusOr<const Str*> RequireStr(size_t i) const;

 private:
  std::string callee_;
  std::vector<std::string_view> parameters_;
  std::vector<const Value*> values_;
};

absl::StatusOr<const Str*> RequireStr(const Value& value, std::string_view what);

}  // namespace gonka::model::jinja
