#pragma once

// Python's operators on values. Integers that leave 64 bits are refused.

#include <string_view>

#include "runtime.h"

namespace gonka::model::jinja {

// + - * / // % ** ~
absl::StatusOr<Value> Arithmetic(Runtime& runtime, std::string_view op, const Value& left,
                                 const Value& right);
// == != < <= > >= in "not in"
absl::StatusOr<bool> Compare(Runtime& runtime, std::string_view op, const Value& left,
                             const Value& right);
// object[begin:end:step]; none stands for what is left out.
absl::StatusOr<Value> Slice(Runtime& runtime, const Value& object, const Value& begin,
                            const Value& end, const Value& step);

}  // namespace gonka::model::jinja
