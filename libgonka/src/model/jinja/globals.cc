#include <algorithm>
#include <ctime>

#include "builtins.h"
#include "fmt/format.h"

namespace gonka::model::jinja {
namespace {

absl::StatusOr<Value> Range(Runtime& runtime, const Args& args) {
  std::vector<int64_t> bounds;
  for (const Value& value : args.positional) {
    const int64_t* bound = value.AsInt();
    if (bound == nullptr) return Bad(fmt::format("range of {} is not supported", TypeName(value)));
    bounds.push_back(*bound);
  }
  if (bounds.empty() || bounds.size() > 3 || !args.named.empty()) {
    return Bad("range takes one to three integers");
  }
  const int64_t begin = bounds.size() == 1 ? 0 : bounds[0];
  const int64_t end = bounds.size() == 1 ? bounds[0] : bounds[1];
  const int64_t step = bounds.size() == 3 ? bounds[2] : 1;
  if (step == 0) return Bad("range with a step of 0");
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    GONKA_RETURN_IF_ERROR(runtime.Charge(sizeof(Value)));
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return runtime.MakeList(std::move(items));
}

// dict(a=1) and namespace(a=1).
absl::StatusOr<Value> Keywords(Runtime& runtime, const Args& args, bool is_namespace) {
  if (!args.positional.empty()) return Bad("only named arguments are supported here");
  Dict dict;
  dict.is_namespace = is_namespace;
  for (const auto& [name, value] : args.named) dict.Set(name, value);
  return runtime.MakeDict(std::move(dict));
}

absl::StatusOr<Value> RaiseException(const Args& args) {
  const Str* message = args.positional.size() == 1 ? args.positional[0].AsStr() : nullptr;
  if (message == nullptr) return Bad("raise_exception takes one string");
  return Bad(message->text);
}

absl::StatusOr<Value> StrftimeNow(Runtime& runtime, const Args& args) {
  GONKA_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("strftime_now", {"format"}, args));
  GONKA_ASSIGN_OR_RETURN(const Str* format, bound.RequireStr(0));
  // Only what does not depend on the locale of this process.
  constexpr std::string_view kFields = "YmdHMSjyeFT%bBaA";
  const auto seconds = static_cast<time_t>(*runtime.render_time_unix_s());
  struct tm time {};
  if (::gmtime_r(&seconds, &time) == nullptr) return Bad("the time of rendering has no date");
  constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
  constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
  std::string out;
  const std::string& pattern = format->text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    const char field = i + 1 < pattern.size() ? pattern[++i] : ' ';
    if (kFields.find(field) == std::string_view::npos) {
      return Bad(fmt::format("strftime_now with \"{}\" is not supported", pattern));
    }
    if (field == 'B' || field == 'b') {
      const std::string_view month = kMonths[time.tm_mon];
      out += field == 'b' ? month.substr(0, 3) : month;
    } else if (field == 'A' || field == 'a') {
      const std::string_view day = kDays[time.tm_wday];
      out += field == 'a' ? day.substr(0, 3) : day;
    } else {
      char buffer[64];
      const char one[] = {'%', field, '\0'};
      out.append(buffer, std::strftime(buffer, sizeof(buffer), one, &time));
    }
  }
  return runtime.MakeString(Str::Untrusted(out));
}

constexpr std::string_view kNames[] = {"range", "dict", "namespace", "raise_exception"};

}  // namespace

bool IsGlobalFunction(std::string_view name, const Runtime& runtime) {
  if (name == "strftime_now") return runtime.render_time_unix_s().has_value();
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

absl::StatusOr<Value> CallGlobal(Runtime& runtime, std::string_view name, const Args& args) {
  if (name == "range") return Range(runtime, args);
  if (name == "dict") return Keywords(runtime, args, false);
  if (name == "namespace") return Keywords(runtime, args, true);
  if (name == "strftime_now") return StrftimeNow(runtime, args);
  return RaiseException(args);
}

}  // namespace gonka::model::jinja
