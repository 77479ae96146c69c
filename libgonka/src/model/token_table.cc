#include "token_table.h"

#include <algorithm>

#include "fmt/format.h"

namespace gonka::model {

const Json& FieldOf(const Json& object, const char* field) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(field);
  return found == object.end() ? kNull : *found;
}

absl::Status TokenTable::Bad(const std::string& message) const {
  return absl::InvalidArgumentError(fmt::format("{}: {}", files_.path, message));
}

absl::Status TokenTable::Refuse(std::string_view field, const Json& value,
                                std::string_view supported) const {
  return Bad(fmt::format("{} = {} is not supported, only {}", field, ShortJson(value), supported));
}

absl::Status TokenTable::Place(const std::string& token, const Json& id, TokenKind kind) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= files_.vocab) {
    return Bad(fmt::format("token {} has id {}, but the model has a vocabulary of {}",
                           ShortJson(Json(token)), ShortJson(id), files_.vocab));
  }
  const auto at = static_cast<uint32_t>(id.get<uint64_t>());
  const auto [found, is_new] = placed_.emplace(at, token);
  if (!is_new && found->second != token) {
    return Bad(fmt::format("id {} has two tokens, {} and {}", at, ShortJson(Json(found->second)),
                           ShortJson(Json(token))));
  }
  if (spec_.tokens.size() <= at) {
    spec_.tokens.resize(at + 1);
    spec_.kinds.resize(at + 1, TokenKind::kUnused);
  }
  spec_.tokens[at] = token;
  spec_.kinds[at] = kind;
  return absl::OkStatus();
}

absl::Status TokenTable::PlaceAdded(const Json& token, const Json& id, bool normalizes) {
  const Json& content = FieldOf(token, "content");
  if (!content.is_string() || content == "") {
    return Bad(fmt::format("added token {} has no content", ShortJson(token)));
  }
  const auto has = [&](const char* flag) { return FieldOf(token, flag) == Json(true); };
  if (has("single_word")) {
    return Refuse(fmt::format("added_tokens {} single_word", ShortJson(content)), Json(true),
                  "false");
  }
  GONKA_RETURN_IF_ERROR(Place(content.get<std::string>(), id,
                              has("special") ? TokenKind::kControl : TokenKind::kUserDefined));
  const auto at = static_cast<uint32_t>(id.get<uint64_t>());
  const AddedFlags flags{.id = at,
                         .strip_left = has("lstrip"),
                         .strip_right = has("rstrip"),
                         .normalized = normalizes && has("normalized")};
  if (flags != AddedFlags{.id = at}) flags_[at] = flags;
  return absl::OkStatus();
}

absl::Status TokenTable::FillUnused() {
  spec_.tokens.resize(files_.vocab);
  spec_.kinds.resize(files_.vocab, TokenKind::kUnused);
  for (uint32_t id = 0; id < files_.vocab; ++id) {
    if (!placed_.contains(id)) spec_.tokens[id] = fmt::format("[PAD{}]", id);
  }
  return absl::OkStatus();
}

std::optional<uint32_t> TokenTable::Find(const std::string& text) const {
  const auto found = std::find(spec_.tokens.begin(), spec_.tokens.end(), text);
  if (found == spec_.tokens.end()) return std::nullopt;
  return static_cast<uint32_t>(found - spec_.tokens.begin());
}

// tokenizer_config names them by text, or by an object with it.
absl::Status TokenTable::ReadNamed(const char* field, std::optional<uint32_t>& id) const {
  const Json* value = &FieldOf(*files_.tokenizer_config, field);
  if (value->is_object()) value = &FieldOf(*value, "content");
  if (value->is_null()) return absl::OkStatus();
  id = value->is_string() ? Find(value->get<std::string>()) : std::nullopt;
  if (id) return absl::OkStatus();
  return Bad(fmt::format("{} of tokenizer_config.json is {}, which is no token", field,
                         ShortJson(*value)));
}

absl::Status TokenTable::ReadBosAndEos() {
  GONKA_RETURN_IF_ERROR(ReadNamed("bos_token", spec_.bos));
  return ReadNamed("eos_token", spec_.eos);
}

absl::Status TokenTable::ReadEnds() {
  const Json* ends = &FieldOf(*files_.generation_config, "eos_token_id");
  if (ends->is_null()) ends = &FieldOf(*files_.config, "eos_token_id");
  const Json list = ends->is_null() ? Json::array() : ends->is_array() ? *ends : Json{*ends};
  for (const Json& id : list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= files_.vocab) {
      return Bad(fmt::format("eos_token_id = {}, but the model has a vocabulary of {}",
                             ShortJson(id), files_.vocab));
    }
    spec_.end_ids.push_back(static_cast<uint32_t>(id.get<uint64_t>()));
  }
  if (spec_.eos) spec_.end_ids.push_back(*spec_.eos);
  std::sort(spec_.end_ids.begin(), spec_.end_ids.end());
  spec_.end_ids.erase(std::unique(spec_.end_ids.begin(), spec_.end_ids.end()), spec_.end_ids.end());
  return absl::OkStatus();
}

TokenizerSpec TokenTable::Take() {
  for (const auto& [id, flags] : flags_) spec_.added_flags.push_back(flags);
  return std::move(spec_);
}

}  // namespace gonka::model
