#include <map>

#include "builtins.h"
#include "fmt/format.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

using Result = absl::StatusOr<bool>;
using TestFunction = Result (*)(Runtime&, const Value&, const Value&);

bool IsDefined(const Value& value) {
  return !value.IsUndefined();
}
bool IsUndefined(const Value& value) {
  return value.IsUndefined();
}
bool IsNone(const Value& value) {
  return value.IsNone();
}
bool IsString(const Value& value) {
  return value.AsStr() != nullptr;
}
bool IsMapping(const Value& value) {
  return value.AsDict() != nullptr;
}
bool IsIterable(const Value& value) {
  return value.AsStr() || value.AsList() || value.AsDict() || value.IsUndefined();
}
bool IsNumber(const Value& value) {
  return value.IsNumber();
}
bool IsInteger(const Value& value) {
  return value.AsInt() != nullptr;
}
bool IsFloat(const Value& value) {
  return value.AsDouble() != nullptr;
}
bool IsBoolean(const Value& value) {
  return value.AsBool() != nullptr;
}
bool IsTrue(const Value& value) {
  return value.AsBool() && *value.AsBool();
}
bool IsFalse(const Value& value) {
  return value.AsBool() && !*value.AsBool();
}
bool IsCallable(const Value& value) {
  return std::holds_alternative<Function>(value.data);
}
bool IsLower(const Value& value) {
  return value.AsStr() && Lower(*value.AsStr()).text == value.AsStr()->text;
}
bool IsUpper(const Value& value) {
  return value.AsStr() && Upper(*value.AsStr()).text == value.AsStr()->text;
}

template <bool (*Holds)(const Value&)>
Result Simple(Runtime& runtime, const Value& subject, const Value&) {
  const Str* text = subject.AsStr();
  GONKA_RETURN_IF_ERROR(runtime.Charge(text ? text->size() : 1));
  return Holds(subject);
}

absl::StatusOr<int64_t> RequireInt(const Value& value) {
  if (const int64_t* integer = value.AsInt()) return *integer;
  return Bad(fmt::format("an integer is needed, not {}", TypeName(value)));
}

Result IsOdd(Runtime&, const Value& subject, const Value&) {
  GONKA_ASSIGN_OR_RETURN(const int64_t number, RequireInt(subject));
  return number % 2 != 0;
}

Result IsEven(Runtime&, const Value& subject, const Value&) {
  GONKA_ASSIGN_OR_RETURN(const int64_t number, RequireInt(subject));
  return number % 2 == 0;
}

Result DivisibleBy(Runtime&, const Value& subject, const Value& argument) {
  GONKA_ASSIGN_OR_RETURN(const int64_t dividend, RequireInt(subject));
  GONKA_ASSIGN_OR_RETURN(const int64_t divisor, RequireInt(argument));
  if (divisor == 0) return Bad("division by zero");
  return divisor == -1 || dividend % divisor == 0;
}

Result IsIn(Runtime& runtime, const Value& subject, const Value& argument) {
  return Contains(runtime, argument, subject);
}

Result IsEqual(Runtime& runtime, const Value& subject, const Value& argument) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(subject)));
  return Equal(subject, argument);
}

Result IsUnequal(Runtime& runtime, const Value& subject, const Value& argument) {
  GONKA_ASSIGN_OR_RETURN(const bool equal, IsEqual(runtime, subject, argument));
  return !equal;
}

bool Below(int order) {
  return order < 0;
}
bool AtMost(int order) {
  return order <= 0;
}
bool Above(int order) {
  return order > 0;
}
bool AtLeast(int order) {
  return order >= 0;
}

template <bool (*Holds)(int)>
Result Ordered(Runtime&, const Value& subject, const Value& argument) {
  GONKA_ASSIGN_OR_RETURN(const int order, Order(subject, argument));
  return Holds(order);
}

struct TestEntry {
  size_t arguments;
  TestFunction function;
};

const std::map<std::string_view, TestEntry>& Tests() {
  static const std::map<std::string_view, TestEntry> tests = {
      {"defined", {0, Simple<IsDefined>}},
      {"undefined", {0, Simple<IsUndefined>}},
      {"none", {0, Simple<IsNone>}},
      {"string", {0, Simple<IsString>}},
      {"mapping", {0, Simple<IsMapping>}},
      {"iterable", {0, Simple<IsIterable>}},
      {"sequence", {0, Simple<IsIterable>}},
      {"number", {0, Simple<IsNumber>}},
      {"integer", {0, Simple<IsInteger>}},
      {"float", {0, Simple<IsFloat>}},
      {"boolean", {0, Simple<IsBoolean>}},
      {"true", {0, Simple<IsTrue>}},
      {"false", {0, Simple<IsFalse>}},
      {"callable", {0, Simple<IsCallable>}},
      {"lower", {0, Simple<IsLower>}},
      {"upper", {0, Simple<IsUpper>}},
      {"odd", {0, IsOdd}},
      {"even", {0, IsEven}},
      {"divisibleby", {1, DivisibleBy}},
      {"in", {1, IsIn}},
      {"equalto", {1, IsEqual}},
      {"eq", {1, IsEqual}},
      {"ne", {1, IsUnequal}},
      {"lt", {1, Ordered<Below>}},
      {"lessthan", {1, Ordered<Below>}},
      {"le", {1, Ordered<AtMost>}},
      {"gt", {1, Ordered<Above>}},
      {"greaterthan", {1, Ordered<Above>}},
      {"ge", {1, Ordered<AtLeast>}},
  };
  return tests;
}

}  // namespace

bool IsTest(std::string_view name) {
  return Tests().contains(name);
}

absl::StatusOr<bool> ApplyTest(Runtime& runtime, std::string_view name, const Value& subject,
                               const Args& args) {
  const auto found = Tests().find(name);
  if (found == Tests().end()) return Bad(fmt::format("test \"{}\" is not supported", name));
  const TestEntry& entry = found->second;
  if (args.positional.size() != entry.arguments || !args.named.empty()) {
    return Bad(fmt::format("test {} takes {} arguments", name, entry.arguments));
  }
  return entry.function(runtime, subject, entry.arguments > 0 ? args.positional[0] : Value());
}

}  // namespace gonka::model::jinja
