#pragma once

// The second of the three channels for failure: the world fails. Messages name the thing and the
// value, and are built with fmt::format by the caller.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gonka {

inline std::string Message(const absl::Status& status) {
  return std::string(status.message());
}
// "NOT_FOUND: no such model", or "OK".
std::string ToString(const absl::Status& status);
// The same status with "context: " before its message.
absl::Status Annotate(const absl::Status& status, const std::string& context);

}  // namespace gonka

#define GONKA_INTERNAL_CONCAT2(a, b) a##b
#define GONKA_INTERNAL_CONCAT(a, b) GONKA_INTERNAL_CONCAT2(a, b)

#define GONKA_RETURN_IF_ERROR(expression)           \
  do {                                              \
    const absl::Status gonka_status = (expression); \
    if (!gonka_status.ok()) [[unlikely]]            \
      return gonka_status;                          \
  } while (false)

// GONKA_ASSIGN_OR_RETURN(const Bytes bytes, store.Get(hash));
#define GONKA_ASSIGN_OR_RETURN(declaration, expression)              \
  auto GONKA_INTERNAL_CONCAT(gonka_or_, __LINE__) = (expression);    \
  if (!GONKA_INTERNAL_CONCAT(gonka_or_, __LINE__).ok()) [[unlikely]] \
    return GONKA_INTERNAL_CONCAT(gonka_or_, __LINE__).status();      \
  declaration = std::move(GONKA_INTERNAL_CONCAT(gonka_or_, __LINE__)).value()
