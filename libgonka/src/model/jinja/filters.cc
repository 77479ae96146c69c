#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "builtins.h"
#include "fmt/format.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

constexpr int64_t kIndentMax = 64;

using Result = absl::StatusOr<Value>;
using FilterFunction = Result (*)(Runtime&, const Value&, const Bound&);

// Most filters on strings take whatever str() makes of the subject.
template <Str (*Operation)(Str)>
Result MapText(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(Str text, runtime.Print(subject));
  return runtime.MakeString(Operation(std::move(text)));
}

Result Trim(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str text, runtime.Print(subject));
  GONKA_ASSIGN_OR_RETURN(const Str* chars, args.StrOrNull(0));
  return runtime.MakeString(
      Strip(text, chars ? std::optional<std::string_view>(chars->text) : std::nullopt, true, true));
}

Result LengthFilter(Runtime& runtime, const Value& subject, const Bound&) {
  return Length(runtime, subject);
}

Result Default(Runtime& runtime, const Value& subject, const Bound& args) {
  const bool missing = subject.IsUndefined() || (args.TrueOr(1, false) && !Truthy(subject));
  if (!missing) return subject;
  return args.Get(0) ? *args.Get(0) : runtime.MakeString({});
}

Result Join(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(runtime, subject));
  GONKA_ASSIGN_OR_RETURN(const Str* separator, args.StrOrNull(0));
  GONKA_ASSIGN_OR_RETURN(const Str* attribute, args.StrOrNull(1));
  Str out;
  for (size_t i = 0; i < items.size(); ++i) {
    Value item = items[i];
    if (attribute) {
      GONKA_ASSIGN_OR_RETURN(item, GetAttribute(runtime, items[i], attribute->text));
    }
    GONKA_ASSIGN_OR_RETURN(const Str text, runtime.Print(item));
    if (i > 0 && separator) {
      GONKA_RETURN_IF_ERROR(runtime.Charge(separator->size()));
      out.Append(*separator);
    }
    out.Append(text);
    if (out.size() > runtime.limits().output_bytes_max) break;  // MakeString refuses it.
  }
  return runtime.MakeString(std::move(out));
}

Result First(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  return items.empty() ? Value::Missing("first") : items.front();
}

Result Last(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  return items.empty() ? Value::Missing("last") : items.back();
}

// A template's separators other than JSON's own are refused: nothing needs them.
Result ToJson(Runtime& runtime, const Value& subject, const Bound& args) {
  JsonStyle style;
  GONKA_ASSIGN_OR_RETURN(const int64_t indent, args.IntOr(0, -1));
  if (indent > kIndentMax) return Bad(fmt::format("indent of {} is too wide", indent));
  style.ascii = args.TrueOr(1, false);
  style.indent = static_cast<int>(indent);
  style.sort_keys = args.TrueOr(2, false);
  const uint64_t weight = Weight(subject) * (indent > 0 ? static_cast<uint64_t>(indent) * 4 : 1);
  GONKA_RETURN_IF_ERROR(runtime.Charge(weight));
  std::string out;
  if (!AppendJsonText(out, subject, style)) {
    return Bad(fmt::format("tojson: a value in this {} has no JSON", TypeName(subject)));
  }
  return runtime.MakeString(Str::Untrusted(out));
}

Result ToString(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(Str text, runtime.Print(subject));
  return runtime.MakeString(std::move(text));
}

Result ToInt(Runtime&, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const int64_t fallback, args.IntOr(0, 0));
  if (const int64_t* integer = subject.AsInt()) return Value(*integer);
  double number = 0;
  if (subject.IsNumber()) {
    number = ToDouble(subject);
  } else if (const Str* text = subject.AsStr()) {
    const std::string digits = Strip(*text, std::nullopt, true, true).text;
    int64_t integer = 0;
    const char* end = digits.data() + digits.size();
    const auto whole = std::from_chars(digits.data(), end, integer);
    if (whole.ec == std::errc() && whole.ptr == end) return Value(integer);
    const auto real = std::from_chars(digits.data(), end, number);
    if (real.ec != std::errc() || real.ptr != end) return Value(fallback);
  } else {
    return Value(fallback);
  }
  if (!(std::fabs(number) < 9e18)) return Value(fallback);
  return Value(static_cast<int64_t>(number));
}

Result ToFloat(Runtime&, const Value& subject, const Bound& args) {
  if (subject.IsNumber()) return Value(ToDouble(subject));
  if (const Str* text = subject.AsStr()) {
    const std::string digits = Strip(*text, std::nullopt, true, true).text;
    double number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) {
      return Value(number);
    }
  }
  return args.Get(0) ? *args.Get(0) : Value(0.0);
}

Result ToList(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  return runtime.MakeList(std::move(items));
}

Result Items(Runtime& runtime, const Value& subject, const Bound&) {
  if (subject.IsUndefined()) return runtime.MakeList({});
  return CallMethod(runtime, subject, "items", {});
}

Result DictSort(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(const Value pairs, CallMethod(runtime, subject, "items", {}));
  std::vector<Value> items = pairs.AsList()->items;
  const auto key = [](const Value& pair) {
    return Lower(*pair.AsList()->items[0].AsStr()).text;  // Jinja's default ignores case.
  };
  std::stable_sort(items.begin(), items.end(),
                   [&](const Value& a, const Value& b) { return key(a) < key(b); });
  return runtime.MakeList(std::move(items));
}

Result ReplaceFilter(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str text, runtime.Print(subject));
  Args rest;
  for (size_t i = 0; i < 3 && args.Get(i) != nullptr; ++i) rest.positional.push_back(*args.Get(i));
  return CallMethod(runtime, Value::String(text), "replace", rest);
}

Result Reverse(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  std::reverse(items.begin(), items.end());
  if (subject.AsStr() == nullptr) return runtime.MakeList(std::move(items));
  Str out;
  for (const Value& item : items) out.Append(*item.AsStr());
  return runtime.MakeString(std::move(out));
}

Result Sort(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  GONKA_ASSIGN_OR_RETURN(const Str* attribute, args.StrOrNull(2));
  const bool case_sensitive = args.TrueOr(1, false);
  std::vector<std::pair<Value, Value>> keyed;  // Key, item.
  for (const Value& item : items) {
    Value key = item;
    if (attribute) {
      GONKA_ASSIGN_OR_RETURN(key, GetAttribute(runtime, item, attribute->text));
    }
    if (const Str* text = key.AsStr(); text != nullptr && !case_sensitive) {
      key = Value::String(Lower(*text));
    }
    if (!keyed.empty()) GONKA_RETURN_IF_ERROR(Order(keyed.front().first, key).status());
    keyed.emplace_back(std::move(key), item);
  }
  GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(subject) * 32));  // Comparisons, about log n each.
  const bool reverse = args.TrueOr(0, false);
  // All keys compare with the first one, so they compare with one another.
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? *Order(b.first, a.first) < 0 : *Order(a.first, b.first) < 0;
  });
  for (size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
  return runtime.MakeList(std::move(items));
}

// The first of the least, or of the greatest.
template <bool kGreatest>
Result Extreme(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(runtime, subject));
  GONKA_ASSIGN_OR_RETURN(const Str* attribute, args.StrOrNull(1));
  if (items.empty()) return Value::Missing("item of an empty sequence");
  const bool case_sensitive = args.TrueOr(0, false);
  Value best;
  Value best_key;
  for (size_t i = 0; i < items.size(); ++i) {
    Value key = items[i];
    if (attribute) {
      GONKA_ASSIGN_OR_RETURN(key, GetAttribute(runtime, items[i], attribute->text));
    }
    if (const Str* text = key.AsStr(); text != nullptr && !case_sensitive) {
      key = Value::String(Lower(*text));
    }
    GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(key)));
    if (i > 0) {
      GONKA_ASSIGN_OR_RETURN(const int order, Order(key, best_key));
      if (kGreatest ? order <= 0 : order >= 0) continue;
    }
    best = items[i];
    best_key = std::move(key);
  }
  return best;
}

Result Unique(Runtime& runtime, const Value& subject, const Bound&) {
  GONKA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(runtime, subject));
  std::vector<Value> kept;
  for (const Value& item : items) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(kept.size() + Weight(item)));
    const bool seen = std::any_of(kept.begin(), kept.end(),
                                  [&](const Value& other) { return Equal(other, item); });
    if (!seen) kept.push_back(item);
  }
  return runtime.MakeList(std::move(kept));
}

Result IndentFilter(Runtime& runtime, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const Str text, runtime.Print(subject));
  std::string indentation;
  if (args.Get(0) != nullptr && args.Get(0)->AsStr() != nullptr) {
    indentation = args.Get(0)->AsStr()->text;
  } else {
    GONKA_ASSIGN_OR_RETURN(const int64_t width, args.IntOr(0, 4));
    if (width > kIndentMax) return Bad(fmt::format("indent of {} is too wide", width));
    indentation.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  const auto lines =
      static_cast<uint64_t>(std::count(text.text.begin(), text.text.end(), '\n')) + 1;
  GONKA_RETURN_IF_ERROR(runtime.Charge(lines * (indentation.size() + 1)));
  return runtime.MakeString(
      Indent(text, indentation, args.TrueOr(1, false), args.TrueOr(2, false)));
}

Result Same(Runtime&, const Value& subject, const Bound&) {
  return subject;
}

Result Abs(Runtime&, const Value& subject, const Bound&) {
  if (const int64_t* integer = subject.AsInt(); integer != nullptr && *integer != INT64_MIN) {
    return Value(std::abs(*integer));
  }
  if (const double* number = subject.AsDouble()) return Value(std::fabs(*number));
  return Bad(fmt::format("abs of {} is not supported", TypeName(subject)));
}

Result Round(Runtime&, const Value& subject, const Bound& args) {
  GONKA_ASSIGN_OR_RETURN(const int64_t digits, args.IntOr(0, 0));
  if (!subject.IsNumber() || digits < 0 || digits > 15) {
    return Bad(fmt::format("round of {} to {} digits is not supported", TypeName(subject), digits));
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  return Value(std::nearbyint(ToDouble(subject) * scale) / scale);
}

struct FilterEntry {
  std::vector<std::string_view> parameters;
  FilterFunction function;
};

const std::map<std::string_view, FilterEntry>& Filters() {
  static const std::map<std::string_view, FilterEntry> filters = {
      {"trim", {{"chars"}, Trim}},
      {"upper", {{}, MapText<Upper>}},
      {"lower", {{}, MapText<Lower>}},
      {"capitalize", {{}, MapText<Capitalize>}},
      {"title", {{}, MapText<Title>}},
      {"length", {{}, LengthFilter}},
      {"count", {{}, LengthFilter}},
      {"default", {{"default_value", "boolean"}, Default}},
      {"d", {{"default_value", "boolean"}, Default}},
      {"join", {{"d", "attribute"}, Join}},
      {"first", {{}, First}},
      {"last", {{}, Last}},
      {"tojson", {{"indent", "ensure_ascii", "sort_keys"}, ToJson}},
      {"string", {{}, ToString}},
      {"int", {{"default"}, ToInt}},
      {"float", {{"default"}, ToFloat}},
      {"list", {{}, ToList}},
      {"items", {{}, Items}},
      {"dictsort", {{}, DictSort}},
      {"replace", {{"old", "new", "count"}, ReplaceFilter}},
      {"reverse", {{}, Reverse}},
      {"sort", {{"reverse", "case_sensitive", "attribute"}, Sort}},
      {"min", {{"case_sensitive", "attribute"}, Extreme<false>}},
      {"max", {{"case_sensitive", "attribute"}, Extreme<true>}},
      {"unique", {{}, Unique}},
      {"indent", {{"width", "first", "blank"}, IndentFilter}},
      {"safe", {{}, Same}},
      {"abs", {{}, Abs}},
      {"round", {{"precision"}, Round}},
  };
  return filters;
}

// The filters that take another filter's or a test's name and arguments.
bool IsHigherOrder(std::string_view name) {
  return name == "map" || name == "select" || name == "reject" || name == "selectattr" ||
         name == "rejectattr";
}

absl::StatusOr<std::string> TakeName(Args& args, std::string_view filter) {
  if (args.positional.empty()) return Bad(fmt::format("{} needs an argument", filter));
  GONKA_ASSIGN_OR_RETURN(const Str* name,
                         RequireStr(args.positional[0], fmt::format("argument of {}", filter)));
  std::string taken = name->text;
  args.positional.erase(args.positional.begin());
  return taken;
}

Result Map(Runtime& runtime, const Value& subject, Args args) {
  if (!Truthy(subject)) return runtime.MakeList({});
  GONKA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(runtime, subject));
  if (args.positional.empty()) {
    GONKA_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("map", {"attribute", "default"}, args));
    GONKA_ASSIGN_OR_RETURN(const Str* attribute, bound.RequireStr(0));
    for (Value& item : items) {
      GONKA_ASSIGN_OR_RETURN(item, GetAttribute(runtime, item, attribute->text));
      if (item.IsUndefined() && bound.Get(1) != nullptr) item = *bound.Get(1);
    }
    return runtime.MakeList(std::move(items));
  }
  GONKA_ASSIGN_OR_RETURN(const std::string filter, TakeName(args, "map"));
  if (!IsFilter(filter) || IsHigherOrder(filter)) {
    return Bad(fmt::format("filter \"{}\" is not supported", filter));
  }
  for (Value& item : items) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(1));
    GONKA_ASSIGN_OR_RETURN(item, ApplyFilter(runtime, filter, item, args));
  }
  return runtime.MakeList(std::move(items));
}

Result Select(Runtime& runtime, std::string_view name, const Value& subject, Args args) {
  if (!Truthy(subject)) return runtime.MakeList({});
  const bool by_attribute = name.ends_with("attr");
  const bool wanted = name.starts_with("select");
  GONKA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(runtime, subject));
  std::string attribute;
  if (by_attribute) {
    GONKA_ASSIGN_OR_RETURN(attribute, TakeName(args, name));
  }
  std::string test;
  if (!args.positional.empty()) {
    GONKA_ASSIGN_OR_RETURN(test, TakeName(args, name));
    if (!IsTest(test)) return Bad(fmt::format("test \"{}\" is not supported", test));
  }
  std::vector<Value> kept;
  for (const Value& item : items) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(1));
    Value tested = item;
    if (by_attribute) {
      GONKA_ASSIGN_OR_RETURN(tested, GetAttribute(runtime, item, attribute));
    }
    bool passes = Truthy(tested);
    if (!test.empty()) {
      GONKA_ASSIGN_OR_RETURN(passes, ApplyTest(runtime, test, tested, args));
    }
    if (passes == wanted) kept.push_back(item);
  }
  return runtime.MakeList(std::move(kept));
}

}  // namespace

bool IsFilter(std::string_view name) {
  return IsHigherOrder(name) || Filters().contains(name);
}

absl::StatusOr<Value> ApplyFilter(Runtime& runtime, std::string_view name, const Value& subject,
                                  const Args& args) {
  if (name == "map") return Map(runtime, subject, args);
  if (IsHigherOrder(name)) return Select(runtime, name, subject, args);
  const auto found = Filters().find(name);
  if (found == Filters().end()) return Bad(fmt::format("filter \"{}\" is not supported", name));
  const FilterEntry& entry = found->second;
  GONKA_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind(name, entry.parameters, args));
  return entry.function(runtime, subject, bound);
}

}  // namespace gonka::model::jinja
