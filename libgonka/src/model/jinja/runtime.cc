#include "runtime.h"

#include <algorithm>

#include "fmt/format.h"

namespace gonka::model::jinja {
namespace {

// Where a namespace lies in a list, a dict or another namespace, it could lie in itself.
bool IsNamespace(const Value& value) {
  const Dict* dict = value.AsDict();
  return dict != nullptr && dict->is_namespace;
}

absl::Status CheckNested(const Value& value, uint32_t& depth, uint32_t depth_max) {
  if (IsNamespace(value)) return Bad("a namespace cannot be stored in another value");
  depth = std::max(depth, NestingDepth(value) + 1);
  if (depth > depth_max) {
    return absl::ResourceExhaustedError(
        fmt::format("a value is nested deeper than {} levels", depth_max));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Bad(const std::string& message) {
  return absl::InvalidArgumentError(message);
}

absl::Status Runtime::Charge(uint64_t work) {
  work_ += std::min(work, limits_.work_max + 1);
  if (work_ > limits_.work_max) {
    return absl::ResourceExhaustedError(
        fmt::format("rendering takes more than {} units of work", limits_.work_max));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Runtime::MakeString(Str text) {
  if (text.size() > limits_.output_bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("a string is longer than {} bytes", limits_.output_bytes_max));
  }
  GONKA_RETURN_IF_ERROR(Charge(text.size()));
  return Value::String(std::move(text));
}

absl::StatusOr<Value> Runtime::MakeList(std::vector<Value> items) {
  GONKA_RETURN_IF_ERROR(Charge(items.size() * sizeof(Value)));
  auto list = std::make_shared<List>();
  for (const Value& item : items) {
    GONKA_RETURN_IF_ERROR(CheckNested(item, list->depth, limits_.depth_max));
  }
  list->items = std::move(items);
  return Value(ListPtr(std::move(list)));
}

absl::StatusOr<Value> Runtime::MakeDict(Dict dict) {
  GONKA_RETURN_IF_ERROR(Charge(dict.entries.size() * sizeof(Value)));
  for (const auto& [name, value] : dict.entries) {
    GONKA_RETURN_IF_ERROR(CheckNested(value, dict.depth, limits_.depth_max));
  }
  return Value(std::make_shared<Dict>(std::move(dict)));
}

absl::StatusOr<Str> Runtime::Print(const Value& value) {
  const uint64_t weight = Weight(value);
  GONKA_RETURN_IF_ERROR(Charge(weight));
  // Quotes, escapes and brackets at most multiply the bytes by four.
  if (weight > limits_.output_bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("a value prints as more than {} bytes", limits_.output_bytes_max));
  }
  return ToStr(value);
}

}  // namespace gonka::model::jinja
