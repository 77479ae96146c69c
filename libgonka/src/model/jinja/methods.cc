#include <map>

#include "builtins.h"
#include "fmt/format.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

using Result = absl::StatusOr<Value>;
template <class T>
using Method = Result (*)(Runtime&, const T&, const Bound&);
template <class T>
struct MethodEntry {
  std::vector<std::string_view> parameters;
  Method<T> function;
};
template <class T>
using MethodTable = std::map<std::string_view, MethodEntry<T>>;

std::optional<std::string_view> ViewOf(const Str* text) {
  if (text == nullptr) return std::nullopt;
  return text->text;
}

template <bool kLeft, bool kRight>
Result StripMethod(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* chars, args.StrOrNull(0));
  return runtime.MakeString(Strip(text, ViewOf(chars), kLeft, kRight));
}

template <Str (*Operation)(Str)>
Result Mapped(Runtime& runtime, const Str& text, const Bound&) {
  return runtime.MakeString(Operation(text));
}

Result ListOf(Runtime& runtime, std::vector<Str> parts) {
  std::vector<Value> items;
  for (Str& part : parts) {
    GONKA_ASSIGN_OR_RETURN(Value item, runtime.MakeString(std::move(part)));
    items.push_back(std::move(item));
  }
  return runtime.MakeList(std::move(items));
}

Result SplitMethod(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* separator, args.StrOrNull(0));
  GONKA_ASSIGN_OR_RETURN(const int64_t splits_max, args.IntOr(1, -1));
  if (separator != nullptr && separator->text.empty()) return Bad("split needs a separator");
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size() * 8));
  return ListOf(runtime, Split(text, ViewOf(separator), splits_max));
}

Result SplitLinesMethod(Runtime& runtime, const Str& text, const Bound&) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size() * 8));
  return ListOf(runtime, SplitLines(text));
}

bool StartsWith(std::string_view text, std::string_view part) {
  return text.starts_with(part);
}
bool EndsWith(std::string_view text, std::string_view part) {
  return text.ends_with(part);
}

// startswith and endswith take one string or several.
template <bool (*Matches)(std::string_view, std::string_view)>
Result MatchesAny(Runtime&, const Str& text, const Bound& args) {
  const List* several = args.Get(0) ? args.Get(0)->AsList() : nullptr;
  if (several == nullptr) {
    GONKA_ASSIGN_OR_RETURN(const Str* part, args.RequireStr(0));
    return Value(Matches(text.text, part->text));
  }
  for (const Value& item : several->items) {
    GONKA_ASSIGN_OR_RETURN(const Str* part, RequireStr(item, "an affix"));
    if (Matches(text.text, part->text)) return Value(true);
  }
  return Value(false);
}

Result ReplaceMethod(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* old, args.RequireStr(0));
  GONKA_ASSIGN_OR_RETURN(const Str* replacement, args.RequireStr(1));
  GONKA_ASSIGN_OR_RETURN(const int64_t count, args.IntOr(2, -1));
  if (old->text.empty()) return Bad("replace needs something to look for");
  uint64_t found = 0;
  for (size_t at = text.text.find(old->text); at != std::string::npos;
       at = text.text.find(old->text, at + old->size())) {
    ++found;
  }
  // Before it is built: a short text may grow by a long replacement.
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size() + found * replacement->size()));
  return runtime.MakeString(Replace(text, old->text, *replacement, count));
}

Result Find(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* part, args.RequireStr(0));
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size()));
  const size_t at = text.text.find(part->text);
  if (at == std::string::npos) return Value(int64_t{-1});
  return Value(static_cast<int64_t>(CharCount(std::string_view(text.text).substr(0, at))));
}

Result Count(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* part, args.RequireStr(0));
  if (part->text.empty()) return Bad("count needs something to look for");
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size()));
  int64_t count = 0;
  for (size_t at = text.text.find(part->text); at != std::string::npos;
       at = text.text.find(part->text, at + part->size())) {
    ++count;
  }
  return Value(count);
}

Result JoinMethod(Runtime& runtime, const Str& text, const Bound& args) {
  if (args.Get(0) == nullptr) return Bad("join needs a list");
  Args separator;
  separator.positional.push_back(Value::String(text));
  return ApplyFilter(runtime, "join", *args.Get(0), separator);
}

Result RemovePrefix(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* prefix, args.RequireStr(0));
  const size_t cut = text.text.starts_with(prefix->text) ? prefix->size() : 0;
  return runtime.MakeString(text.Sub(cut, text.size() - cut));
}

Result RemoveSuffix(Runtime& runtime, const Str& text, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str* suffix, args.RequireStr(0));
  const size_t cut = text.text.ends_with(suffix->text) ? suffix->size() : 0;
  return runtime.MakeString(text.Sub(0, text.size() - cut));
}

Result IsDigits(Runtime&, const Str& text, const Bound&) {
  return Value(!text.text.empty() &&
               text.text.find_first_not_of("0123456789") == std::string::npos);
}

// What stands in braces: nothing, a number or a name. Attributes and formats are refused.
Result FormatArgument(std::string_view field, size_t& next, const Args& args) {
  const bool is_number =
      !field.empty() && field.size() < 4 && field.find_first_not_of("0123456789") == field.npos;
  if (field.empty() || is_number) {
    const size_t at = is_number ? std::stoul(std::string(field)) : next++;
    if (at < args.positional.size()) return args.positional[at];
    return Bad(fmt::format("format has no argument {}", at));
  }
  for (const auto& [name, value] : args.named) {
    if (name == field) return value;
  }
  return Bad(fmt::format("format with \"{{{}}}\" is not supported", field));
}

Result Format(Runtime& runtime, const Str& text, const Args& args) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(text.size()));
  Str out;
  size_t next = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text.text[at];
    if (c != '{' && c != '}') {
      out.Append(text.Sub(at, 1));
      continue;
    }
    if (at + 1 < text.size() && text.text[at + 1] == c) {
      out.Append(text.Sub(at++, 1));
      continue;
    }
    const size_t end = text.text.find('}', at + 1);
    if (c == '}' || end == std::string::npos) return Bad("format: a brace stands alone");
    const std::string_view field = std::string_view(text.text).substr(at + 1, end - at - 1);
    GONKA_ASSIGN_OR_RETURN(const Value value, FormatArgument(field, next, args));
    GONKA_ASSIGN_OR_RETURN(const Str printed, runtime.Print(value));
    GONKA_RETURN_IF_ERROR(runtime.Charge(printed.size()));
    if (out.size() + printed.size() > runtime.limits().output_bytes_max) {
      return absl::ResourceExhaustedError("format gives too long a text");
    }
    out.Append(printed);
    at = end;
  }
  return runtime.MakeString(std::move(out));
}

const MethodTable<Str>& StrMethods() {
  static const MethodTable<Str> methods = {
      {"strip", {{"chars"}, StripMethod<true, true>}},
      {"lstrip", {{"chars"}, StripMethod<true, false>}},
      {"rstrip", {{"chars"}, StripMethod<false, true>}},
      {"upper", {{}, Mapped<Upper>}},
      {"lower", {{}, Mapped<Lower>}},
      {"title", {{}, Mapped<Title>}},
      {"capitalize", {{}, Mapped<Capitalize>}},
      {"split", {{"sep", "maxsplit"}, SplitMethod}},
      {"splitlines", {{}, SplitLinesMethod}},
      {"startswith", {{"prefix"}, MatchesAny<StartsWith>}},
      {"endswith", {{"suffix"}, MatchesAny<EndsWith>}},
      {"replace", {{"old", "new", "count"}, ReplaceMethod}},
      {"find", {{"sub"}, Find}},
      {"count", {{"sub"}, Count}},
      {"join", {{"iterable"}, JoinMethod}},
      {"removeprefix", {{"prefix"}, RemovePrefix}},
      {"removesuffix", {{"suffix"}, RemoveSuffix}},
      {"isdigit", {{}, IsDigits}},
  };
  return methods;
}

Result Get(Runtime& runtime, const Dict& dict, const Bound& args) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(dict.entries.size()));
  const Str* key = args.Get(0) ? args.Get(0)->AsStr() : nullptr;
  const Value* found = key ? dict.Find(key->text) : nullptr;
  if (found != nullptr) return *found;
  return args.Get(1) ? *args.Get(1) : Value();
}

Result DictItems(Runtime& runtime, const Dict& dict, const Bound&) {
  std::vector<Value> pairs;
  for (const auto& [name, value] : dict.entries) {
    GONKA_ASSIGN_OR_RETURN(Value key, runtime.MakeString(Str::Untrusted(name)));
    GONKA_ASSIGN_OR_RETURN(Value pair, runtime.MakeList({std::move(key), value}));
    pairs.push_back(std::move(pair));
  }
  return runtime.MakeList(std::move(pairs));
}

Result Keys(Runtime& runtime, const Dict& dict, const Bound&) {
  std::vector<Value> keys;
  for (const auto& [name, value] : dict.entries) {
    GONKA_ASSIGN_OR_RETURN(Value key, runtime.MakeString(Str::Untrusted(name)));
    keys.push_back(std::move(key));
  }
  return runtime.MakeList(std::move(keys));
}

Result Values(Runtime& runtime, const Dict& dict, const Bound&) {
  std::vector<Value> values;
  for (const auto& [name, value] : dict.entries) values.push_back(value);
  return runtime.MakeList(std::move(values));
}

const MethodTable<Dict>& DictMethods() {
  static const MethodTable<Dict> methods = {{"get", {{"key", "default"}, Get}},
                                            {"items", {{}, DictItems}},
                                            {"keys", {{}, Keys}},
                                            {"values", {{}, Values}}};
  return methods;
}

Result Index(Runtime& runtime, const List& list, const Bound& args) {
  if (args.Get(0) == nullptr) return Bad("index needs an element");
  for (size_t i = 0; i < list.items.size(); ++i) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(list.items[i])));
    if (Equal(list.items[i], *args.Get(0))) return Value(static_cast<int64_t>(i));
  }
  return Bad("index: the list has no such element");
}

Result CountItems(Runtime& runtime, const List& list, const Bound& args) {
  if (args.Get(0) == nullptr) return Bad("count needs an element");
  int64_t count = 0;
  for (const Value& item : list.items) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(item)));
    count += Equal(item, *args.Get(0)) ? 1 : 0;
  }
  return Value(count);
}

const MethodTable<List>& ListMethods() {
  static const MethodTable<List> methods = {{"index", {{"value"}, Index}},
                                            {"count", {{"value"}, CountItems}}};
  return methods;
}

template <class T>
Result CallFrom(const MethodTable<T>& methods, Runtime& runtime, const T& object,
                const Value& value, std::string_view name, const Args& args) {
  const auto found = methods.find(name);
  if (found == methods.end()) {
    return Bad(fmt::format("method \"{}\" of {} is not supported", name, TypeName(value)));
  }
  GONKA_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind(name, found->second.parameters, args));
  return found->second.function(runtime, object, bound);
}

}  // namespace

absl::StatusOr<Value> CallMethod(Runtime& runtime, const Value& object, std::string_view name,
                                 const Args& args) {
  if (const Str* text = object.AsStr()) {
    if (name == "format") return Format(runtime, *text, args);
    return CallFrom(StrMethods(), runtime, *text, object, name, args);
  }
  if (const Dict* dict = object.AsDict()) {
    return CallFrom(DictMethods(), runtime, *dict, object, name, args);
  }
  if (const List* list = object.AsList()) {
    return CallFrom(ListMethods(), runtime, *list, object, name, args);
  }
  if (object.IsUndefined()) {
    return Bad(fmt::format("\"{}\" is undefined", std::get<Undefined>(object.data).name));
  }
  return Bad(fmt::format("{} has no method \"{}\"", TypeName(object), name));
}

}  // namespace gonka::model::jinja
