#pragma once

// Where log lines go. "2025-01-31T12:00:00.123Z info  executor: ..."

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gonka/base/loop.h"

namespace gonka::host {

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  // Lower ones are dropped.
  std::string file = {};             // "" is standard error.
  size_t file_max = 64 << 20;        // Bytes; then the file is rotated.
  size_t files_max = 4;              // Rotated files kept.
  std::string name = {};             // In front of every message, e.g. the program's.
};

// A line is handed to the kernel before Write returns. Control characters in a message are
// replaced: what a stranger sent must not forge a line.
absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogOptions& options);

// "debug", "info", "warning", "error".
absl::StatusOr<LogLevel> ParseLogLevel(const std::string& text);

}  // namespace gonka::host
