#include "gonka/host/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace gonka::host {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string OneLine(std::string_view message) {
  std::string line(message);
  for (char& c : line) {
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 127) c = '?';
  }
  return line;
}

class SpdLog final : public Log {
 public:
  SpdLog(const LogOptions& options, spdlog::sink_ptr sink) : logger_(options.name, sink) {
    const char* pattern = options.name.empty() ? "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v"
                                               : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %n: %v";
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger_.set_level(LevelOf(options.level));
    logger_.flush_on(spdlog::level::trace);
    // A full disk must not stop a node; spdlog's own handler would print once a second.
    logger_.set_error_handler([](const std::string&) {});
  }

  void Write(LogLevel level, std::string_view message) override {
    const auto spd_level = LevelOf(level);
    if (logger_.should_log(spd_level)) logger_.log(spd_level, OneLine(message));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogOptions& options) {
  try {
    spdlog::sink_ptr sink;
    if (options.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(options.file, options.file_max,
                                                                    options.files_max);
    }
    return std::make_unique<SpdLog>(options, std::move(sink));
  } catch (const std::exception& exception) {
    return absl::UnavailableError(
        fmt::format("cannot write log file {}: {}", options.file, exception.what()));
  }
}

absl::StatusOr<LogLevel> ParseLogLevel(const std::string& text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no log level: debug, info, warning or error", text));
}

}  // namespace gonka::host
