#pragma once

// GONKA_CHECK(condition): a mistake of ours, on in every build, never used on input.

namespace gonka::internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}

#define GONKA_CHECK(condition)                                        \
  do {                                                                \
    if (!(condition)) [[unlikely]] {                                  \
      ::gonka::internal::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                                 \
  } while (false)
