#include "operators.h"

#include <algorithm>
#include <cmath>

#include "builtins.h"
#include "fmt/format.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::Status Unsupported(std::string_view op, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (side->IsUndefined()) {
      return Bad(fmt::format("\"{}\" is undefined", std::get<Undefined>(side->data).name));
    }
  }
  return Bad(
      fmt::format("'{}' and '{}' do not support \"{}\"", TypeName(left), TypeName(right), op));
}

int64_t ToInt(const Value& value) {
  if (const bool* truth = value.AsBool()) return *truth ? 1 : 0;
  return *value.AsInt();
}

absl::StatusOr<int64_t> IntegerPower(int64_t base, int64_t exponent) {
  int64_t power = 1;
  for (int64_t i = 0; i < exponent && (base > 1 || base < -1 || i < 2); ++i) {
    if (__builtin_mul_overflow(power, base, &power)) return Bad("integer is too large");
  }
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  return power;
}

// Rounds towards minus infinity, as Python does. divisor is neither 0 nor -1.
int64_t FloorDivide(int64_t dividend, int64_t divisor) {
  const int64_t quotient = dividend / divisor;
  const bool inexact = dividend % divisor != 0;
  return inexact && (dividend < 0) != (divisor < 0) ? quotient - 1 : quotient;
}

Result Integers(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    if (b < 0) return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
    GONKA_ASSIGN_OR_RETURN(result, IntegerPower(a, b));
  } else {
    if (b == 0) return Bad("division by zero");
    if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
    if (b == -1) {
      if (op == "//") overflow = __builtin_sub_overflow(int64_t{0}, a, &result);
    } else {
      const int64_t quotient = FloorDivide(a, b);
      result = op == "//" ? quotient : a - quotient * b;
    }
  }
  if (overflow) return Bad("integer is too large");
  return Value(result);
}

Result Floats(std::string_view op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") return Value(std::pow(a, b));
  if (b == 0) return Bad("division by zero");
  if (op == "/") return Value(a / b);
  if (op == "//") return Value(std::floor(a / b));
  return Value(a - std::floor(a / b) * b);
}

Result Repeat(Runtime& runtime, const Value& value, int64_t times) {
  const auto count = static_cast<uint64_t>(std::max<int64_t>(times, 0));
  if (const Str* text = value.AsStr()) {
    uint64_t size = 0;
    if (__builtin_mul_overflow(count, uint64_t{text->size()}, &size)) size = UINT64_MAX;
    GONKA_RETURN_IF_ERROR(runtime.Charge(size));
    Str out;
    for (uint64_t i = 0; i < count && !text->text.empty(); ++i) out.Append(*text);
    return runtime.MakeString(std::move(out));
  }
  const List& list = *value.AsList();
  uint64_t size = 0;
  if (__builtin_mul_overflow(count, list.items.size() * sizeof(Value), &size)) size = UINT64_MAX;
  GONKA_RETURN_IF_ERROR(runtime.Charge(size));
  std::vector<Value> items;
  for (uint64_t i = 0; i < count && !list.items.empty(); ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return runtime.MakeList(std::move(items));
}

Result Concat(Runtime& runtime, const Str& left, const Str& right) {
  GONKA_RETURN_IF_ERROR(runtime.Charge(left.size() + right.size()));
  Str out = left;
  out.Append(right);
  return runtime.MakeString(std::move(out));
}

Result ConcatLists(Runtime& runtime, const List& left, const List& right) {
  GONKA_RETURN_IF_ERROR(runtime.Charge((left.items.size() + right.items.size()) * sizeof(Value)));
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return runtime.MakeList(std::move(items));
}

absl::StatusOr<std::optional<int64_t>> Bound64(const Value& value) {
  if (value.IsNone()) return std::nullopt;
  if (const int64_t* bound = value.AsInt()) return std::optional(*bound);
  return Bad(fmt::format("a slice's bounds must be integers, not {}", TypeName(value)));
}

// Python's rule for the indices of a slice of size elements.
absl::StatusOr<std::vector<size_t>> SliceIndices(int64_t size, const Value& begin, const Value& end,
                                                 const Value& step) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<int64_t> from, Bound64(begin));
  GONKA_ASSIGN_OR_RETURN(const std::optional<int64_t> to, Bound64(end));
  GONKA_ASSIGN_OR_RETURN(const std::optional<int64_t> by, Bound64(step));
  const int64_t stride = by.value_or(1);
  if (stride == 0) return Bad("a slice's step must not be 0");
  const int64_t low = stride > 0 ? 0 : -1;
  const int64_t high = stride > 0 ? size : size - 1;
  const auto clamp = [&](std::optional<int64_t> bound, int64_t fallback) {
    if (!bound) return fallback;
    const int64_t absolute = *bound < 0 ? *bound + size : *bound;
    return std::clamp(absolute, low, high);
  };
  const int64_t first = clamp(from, stride > 0 ? low : high);
  const int64_t last = clamp(to, stride > 0 ? high : low);
  std::vector<size_t> indices;
  for (int64_t i = first; stride > 0 ? i < last : i > last;) {
    indices.push_back(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return indices;
}

}  // namespace

absl::StatusOr<Value> Arithmetic(Runtime& runtime, std::string_view op, const Value& left,
                                 const Value& right) {
  if (op == "~") {
    GONKA_ASSIGN_OR_RETURN(const Str a, runtime.Print(left));
    GONKA_ASSIGN_OR_RETURN(const Str b, runtime.Print(right));
    return Concat(runtime, a, b);
  }
  if (left.IsNumber() && right.IsNumber()) {
    const bool floats = left.AsDouble() || right.AsDouble();
    if (floats) return Floats(op, ToDouble(left), ToDouble(right));
    return Integers(op, ToInt(left), ToInt(right));
  }
  if (op == "+" && left.AsStr() && right.AsStr()) {
    return Concat(runtime, *left.AsStr(), *right.AsStr());
  }
  if (op == "+" && left.AsList() && right.AsList()) {
    return ConcatLists(runtime, *left.AsList(), *right.AsList());
  }
  if (op == "*" && (left.AsStr() || left.AsList()) && right.AsInt()) {
    return Repeat(runtime, left, *right.AsInt());
  }
  if (op == "*" && (right.AsStr() || right.AsList()) && left.AsInt()) {
    return Repeat(runtime, right, *left.AsInt());
  }
  return Unsupported(op, left, right);
}

absl::StatusOr<bool> Compare(Runtime& runtime, std::string_view op, const Value& left,
                             const Value& right) {
  if (op == "==" || op == "!=") {
    GONKA_RETURN_IF_ERROR(runtime.Charge(Weight(left) + Weight(right)));
    return Equal(left, right) == (op == "==");
  }
  if (op == "in") return Contains(runtime, right, left);
  if (op == "not in") {
    GONKA_ASSIGN_OR_RETURN(const bool contained, Contains(runtime, right, left));
    return !contained;
  }
  GONKA_ASSIGN_OR_RETURN(const int order, Order(left, right));
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

absl::StatusOr<Value> Slice(Runtime& runtime, const Value& object, const Value& begin,
                            const Value& end, const Value& step) {
  if (const List* list = object.AsList()) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(list->items.size()));
    GONKA_ASSIGN_OR_RETURN(
        const std::vector<size_t> indices,
        SliceIndices(static_cast<int64_t>(list->items.size()), begin, end, step));
    std::vector<Value> items;
    for (const size_t i : indices) items.push_back(list->items[i]);
    return runtime.MakeList(std::move(items));
  }
  const Str* text = object.AsStr();
  if (text == nullptr) {
    if (object.IsUndefined()) return Unsupported("[:]", object, object);
    return Bad(fmt::format("'{}' cannot be sliced", TypeName(object)));
  }
  GONKA_RETURN_IF_ERROR(runtime.Charge(text->size()));
  const std::vector<size_t> offsets = CharOffsets(text->text);
  GONKA_ASSIGN_OR_RETURN(const std::vector<size_t> indices,
                         SliceIndices(static_cast<int64_t>(offsets.size()) - 1, begin, end, step));
  Str out;
  for (const size_t i : indices) out.Append(text->Sub(offsets[i], offsets[i + 1] - offsets[i]));
  return runtime.MakeString(std::move(out));
}

}  // namespace gonka::model::jinja
