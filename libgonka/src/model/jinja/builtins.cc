#include "builtins.h"

#include <algorithm>

#include "fmt/format.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

absl::Status UndefinedError(const Value& value) {
  return Bad(fmt::format("\"{}\" is undefined", std::get<Undefined>(value.data).name));
}

absl::StatusOr<Value> CharAt(Runtime& runtime, const Str& text, int64_t index) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size()));
  const std::vector<size_t> offsets = CharOffsets(text.text);
  const auto count = static_cast<int64_t>(offsets.size()) - 1;
  if (index < 0) index += count;
  if (index < 0 || index >= count) return Value::Missing("index");
  const auto at = static_cast<size_t>(index);
  return runtime.MakeString(text.Sub(offsets[at], offsets[at + 1] - offsets[at]));
}

}  // namespace

absl::StatusOr<Value> GetAttribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.IsUndefined()) return UndefinedError(object);
  const Dict* dict = object.AsDict();
  if (dict == nullptr) return Value::Missing(name);
  GONKA_RETURN_IF_ERROR(runtime.Charge(dict->entries.size()));
  const Value* found = dict->Find(name);
  return found ? *found : Value::Missing(name);
}

absl::StatusOr<Value> GetItem(Runtime& runtime, const Value& object, const Value& key) {
  if (object.IsUndefined()) return UndefinedError(object);
  if (const Str* name = key.AsStr()) return GetAttribute(runtime, object, name->text);
  const int64_t* index = key.AsInt();
  if (index == nullptr) {
    return Value::Missing(TypeName(key));  // As Jinja has it: nothing is there.
  }
  if (const List* list = object.AsList()) {
    const auto size = static_cast<int64_t>(list->items.size());
    const int64_t at = *index < 0 ? *index + size : *index;
    if (at < 0 || at >= size) return Value::Missing("index");
    return list->items[static_cast<size_t>(at)];
  }
  if (const Str* text = object.AsStr()) return CharAt(runtime, *text, *index);
  return Value::Missing("index");
}

absl::StatusOr<std::vector<Value>> Iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  if (value.IsUndefined()) return items;
  if (const List* list = value.AsList()) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(list->items.size() * sizeof(Value)));
    return list->items;
  }
  if (const Dict* dict = value.AsDict(); dict != nullptr && !dict->is_namespace) {
    for (const auto& [name, item] : dict->entries) {
      GONKA_ASSIGN_OR_RETURN(Value key, runtime.MakeString(Str::Untrusted(name)));
      items.push_back(std::move(key));
    }
    return items;
  }
  const Str* text = value.AsStr();
  if (text == nullptr) return Bad(fmt::format("'{}' is not iterable", TypeName(value)));
  GONKA_RETURN_IF_ERROR(runtime.Charge(text->size() * sizeof(Value)));
  const std::vector<size_t> offsets = CharOffsets(text->text);
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    items.push_back(Value::String(text->Sub(offsets[i], offsets[i + 1] - offsets[i])));
  }
  return items;
}

absl::StatusOr<bool> Contains(Runtime& runtime, const Value& haystack, const Value& needle) {
  if (haystack.IsUndefined()) return false;
  if (const Str* text = haystack.AsStr()) {
    GONKA_ASSIGN_OR_RETURN(const Str* part, RequireStr(needle, "the left side of \"in\""));
    GONKA_RETURN_IF_ERROR(runtime.Charge(text->size()));
    return text->text.find(part->text) != std::string::npos;
  }
  if (const Dict* dict = haystack.AsDict()) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(dict->entries.size()));
    const Str* key = needle.AsStr();
    return key != nullptr && dict->Find(key->text) != nullptr;
  }
  const List* list = haystack.AsList();
  if (list == nullptr) {
    return Bad(fmt::format("argument of type '{}' is not iterable", TypeName(haystack)));
  }
  GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(haystack)));
  return std::any_of(list->items.begin(), list->items.end(),
                     [&](const Value& item) { return Equal(item, needle); });
}

absl::StatusOr<int> Order(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    if (a.AsInt() && b.AsInt()) return *a.AsInt() < *b.AsInt() ? -1 : *a.AsInt() > *b.AsInt();
    return ToDouble(a) < ToDouble(b) ? -1 : ToDouble(a) > ToDouble(b);
  }
  if (a.AsStr() && b.AsStr()) return a.AsStr()->text.compare(b.AsStr()->text);
  if (a.IsUndefined()) return UndefinedError(a);
  if (b.IsUndefined()) return UndefinedError(b);
  return Bad(fmt::format("'{}' and '{}' have no order", TypeName(a), TypeName(b)));
}

absl::StatusOr<Value> Length(Runtime& runtime, const Value& value) {
  size_t length = 0;
  if (const Str* text = value.AsStr()) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(text->size()));
    length = CharCount(text->text);
  } else if (const List* list = value.AsList()) {
    length = list->items.size();
  } else if (const Dict* dict = value.AsDict()) {
    length = dict->entries.size();
  } else if (!value.IsUndefined()) {
    return Bad(fmt::format("'{}' has no length", TypeName(value)));
  }
  return Value(static_cast<int64_t>(length));
}

absl::StatusOr<const Str*> RequireStr(const Value& value, std::string_view what) {
  if (const Str* text = value.AsStr()) return text;
  if (value.IsUndefined()) return UndefinedError(value);
  return Bad(fmt::format("{} must be a string, not {}", what, TypeName(value)));
}

absl::StatusOr<Bound> Bound::Bind(std::string_view callee,
                                  const std::vector<std::string_view>& parameters,
                                  const Args& args) {
  Bound bound;
  bound.callee_ = callee;
  bound.parameters_ = parameters;
  bound.values_.resize(parameters.size());
  if (args.positional.size() > parameters.size()) {
    return Bad(fmt::format("{} takes at most {} arguments, not {}", callee, parameters.size(),
                           args.positional.size()));
  }
  for (size_t i = 0; i < args.positional.size(); ++i) bound.values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto found = std::find(parameters.begin(), parameters.end(), name);
    const auto at = static_cast<size_t>(found - parameters.begin());
    if (found == parameters.end() || bound.values_[at] != nullptr) {
      return Bad(fmt::format("{} does not take the argument \"{}\"", callee, name));
    }
    bound.values_[at] = &value;
  }
  return bound;
}

absl::StatusOr<int64_t> Bound::IntOr(size_t i, int64_t fallback) const {
  if (values_[i] == nullptr || values_[i]->IsNone()) return fallback;
  if (const int64_t* value = values_[i]->AsInt()) return *value;
  return Bad(fmt::format("argument \"{}\" of {} must be an integer, not {}", parameters_[i],
                         callee_, TypeName(*values_[i])));
}

absl::StatusOr<const Str*> Bound::StrOrNull(size_t i) const {
  if (values_[i] == nullptr || values_[i]->IsNone()) return nullptr;
  return jinja::RequireStr(*values_[i],
                           fmt::format("argument \"{}\" of {}", parameters_[i], callee_));
}

absl::StatusOr<const Str*> Bound::RequireStr(size_t i) const {
  if (values_[i] == nullptr) {
    return Bad(fmt::format("{} needs the argument \"{}\"", callee_, parameters_[i]));
  }
  return jinja::RequireStr(*values_[i],
                           fmt::format("argument \"{}\" of {}", parameters_[i], callee_));
}

}  // namespace gonka::model::jinja
