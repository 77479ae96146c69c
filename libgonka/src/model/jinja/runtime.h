#pragma once

// What one rendering may use up, and constructors that count it.

#include <optional>
#include <string>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/chat_template.h"
#include "value.h"

namespace gonka::model::jinja {

class Runtime {
 public:
  Runtime(const RenderLimits& limits, std::optional<int64_t> render_time_unix_s)
      : limits_(limits), render_time_unix_s_(render_time_unix_s) {}

  const RenderLimits& limits() const { return limits_; }
  std::optional<int64_t> render_time_unix_s() const { return render_time_unix_s_; }

  // Roughly the bytes produced, copied or looked at.
  absl::Status Charge(uint64_t work);
  absl::StatusOr<Value> MakeString(Str text);
  absl::StatusOr<Value> MakeList(std::vector<Value> items);
  absl::StatusOr<Value> MakeDict(Dict dict);
  // What str() gives, counted before it is made.
  absl::StatusOr<Str> Print(const Value& value);

 private:
  RenderLimits limits_;
  std::optional<int64_t> render_time_unix_s_;
  uint64_t work_ = 0;
};

// The arguments of a call.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

absl::Status Bad(const std::string& message);

}  // namespace gonka::model::jinja
