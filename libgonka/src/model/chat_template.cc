#include "gonka/model/chat_template.h"

#include <algorithm>

#include "fmt/format.h"
#include "jinja/interpreter.h"
#include "jinja/json_reader.h"
#include "jinja/parser.h"
#include "utf8.h"

namespace gonka::model {

struct ChatTemplate::Program {
  jinja::Body body;
};

namespace {

using jinja::Value;
using jinja::Variables;

MarkedText Mark(jinja::Str rendered) {
  MarkedText marked;
  for (size_t begin = rendered.taint.find('\0'); begin != std::string::npos;) {
    const size_t end = std::min(rendered.taint.find('\1', begin), rendered.size());
    marked.trusted.push_back({begin, end});
    begin = rendered.taint.find('\0', end);
  }
  marked.text = std::move(rendered.text);
  return marked;
}

absl::Status AddExtra(const Value& extra, Variables& variables) {
  const jinja::Dict* dict = extra.AsDict();
  if (dict == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("template variables must be a JSON object, not {}", jinja::TypeName(extra)));
  }
  for (const auto& [name, value] : dict->entries) {
    const bool taken = std::any_of(variables.begin(), variables.end(),
                                   [&](const auto& variable) { return variable.first == name; });
    if (taken) {
      return absl::InvalidArgumentError(
          fmt::format("template variable \"{}\" cannot be set by a request", name));
    }
    variables.emplace_back(name, value);
  }
  return absl::OkStatus();
}

absl::StatusOr<Variables> ReadContext(const ChatContext& context, jinja::Runtime& runtime) {
  Variables variables;
  GONKA_ASSIGN_OR_RETURN(Value messages,
                         jinja::ReadJson(context.messages_json, "messages", runtime));
  if (messages.AsList() == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("messages must be a JSON array, not {}", jinja::TypeName(messages)));
  }
  Value tools;
  if (!context.tools_json.empty()) {
    GONKA_ASSIGN_OR_RETURN(tools, jinja::ReadJson(context.tools_json, "tools", runtime));
    if (tools.AsList() == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("tools must be a JSON array, not {}", jinja::TypeName(tools)));
    }
  }
  variables.emplace_back("messages", std::move(messages));
  variables.emplace_back("tools", std::move(tools));
  variables.emplace_back("documents", Value());
  variables.emplace_back("add_generation_prompt", Value(context.add_generation_prompt));
  for (const auto& [name, text] : context.special_tokens) {
    variables.emplace_back(name, Value::String(jinja::Str::Trusted(text)));
  }
  if (!context.extra_json.empty()) {
    GONKA_ASSIGN_OR_RETURN(const Value extra,
                           jinja::ReadJson(context.extra_json, "template variables", runtime));
    GONKA_RETURN_IF_ERROR(AddExtra(extra, variables));
  }
  return variables;
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(std::string_view source) {
  if (source.size() > kSourceBytesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "chat template of {} bytes, at most {} are accepted", source.size(), kSourceBytesMax));
  }
  if (const auto invalid = FindInvalidUtf8(source)) {
    return absl::InvalidArgumentError(
        fmt::format("chat template is not UTF-8 at byte {} of {}", *invalid, source.size()));
  }
  auto program = std::make_unique<Program>();
  GONKA_ASSIGN_OR_RETURN(program->body, jinja::Parse(source));
  return ChatTemplate(std::move(program));
}

absl::StatusOr<MarkedText> ChatTemplate::Render(const ChatContext& context,
                                                const RenderLimits& limits) const {
  jinja::Runtime runtime(limits, context.render_time_unix_s);
  GONKA_ASSIGN_OR_RETURN(const Variables variables, ReadContext(context, runtime));
  GONKA_ASSIGN_OR_RETURN(jinja::Str rendered, Interpret(program_->body, variables, runtime));
  return Mark(std::move(rendered));
}

}  // namespace gonka::model
