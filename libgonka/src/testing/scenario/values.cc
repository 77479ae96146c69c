#include "testing/scenario/values.h"

#include <charconv>

namespace gonka::testing {
namespace {

void CheckPlace(ReadContext& context, const std::string& path, const char* what, size_t place,
                size_t count) {
  if (place < count) return;
  context.Complain(path, fmt::format("names {} {}, there are {}", what, place, count));
}

void CheckLabel(ReadContext& context, const std::string& path, const std::string& label) {
  if (context.labels.contains(label)) return;
  context.Complain(path, fmt::format("names the request '{}', which no earlier step asks", label));
}

void ReadPlaces(Fields& fields, const std::string& name, const char* what, size_t count,
                std::vector<size_t>& out) {
  if (!fields.Read(name, out)) return;
  for (const size_t place : out)
    CheckPlace(fields.context(), fields.Path(name), what, place, count);
}

}  // namespace

void ReadValue(ReadContext& context, const std::string& path, const Json& json, Place& out) {
  if (!json.is_string()) {
    ReadValue(context, path, json, out.number);
    return CheckPlace(context, path, "participant", out.number, context.participants);
  }
  const auto text = json.get<std::string>();
  for (const auto& [prefix, of] : {std::pair("executor of ", Place::Of::kExecutor),
                                   std::pair("transfer agent of ", Place::Of::kTransferAgent),
                                   std::pair("validator of ", Place::Of::kValidator)}) {
    if (!text.starts_with(prefix)) continue;
    out.of = of;
    out.request = text.substr(std::string_view(prefix).size());
    return CheckLabel(context, path, out.request);
  }
  context.Refuse(path,
                 "a participant's number, 'executor of LABEL', 'transfer agent of LABEL' or "
                 "'validator of LABEL'",
                 json);
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, Range& out) {
  out = {};
  if (json.is_number()) {
    int64_t value = 0;
    ReadValue(context, path, json, value);
    out = {.min = value, .max = value};
    return;
  }
  Fields fields(context, path, json);
  fields.Read("min", out.min);
  fields.Read("max", out.max);
  if (out.min && out.max && *out.min > *out.max) context.Refuse(path, "min up to max", json);
  if (json.is_object() && !out.min && !out.max) context.Refuse(path, "bounded somewhere", json);
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, Conduct& out) {
  Fields fields(context, path, json);
  fields.Require("strategy", out.strategy);
  fields.Read("rate", out.rate);
  fields.Read("reputation", out.reputation);
  ReadParticipants(fields, "friends", out.friends);
  ReadParticipants(fields, "victims", out.victims);
  fields.Read("from_block", out.from_block);
  fields.Read("until_block", out.until_block);
}

void ReadValue(ReadContext& context, const std::string& path, const Json& json, LinkOptions& out) {
  Fields fields(context, path, json);
  fields.Read("delay_min_us", out.delay_min_us);
  fields.Read("delay_max_us", out.delay_max_us);
  fields.Read("loss", out.loss);
  fields.Read("duplicate", out.duplicate);
  fields.Read("late", out.late);
  fields.Read("late_us", out.late_us);
  if (out.delay_min_us < 0 || out.delay_min_us > out.delay_max_us || out.late_us < 0) {
    context.Refuse(path, "a delay from 0 up to delay_max_us", json);
  }
}

void ReadParticipant(Fields& fields, const std::string& name, size_t& out) {
  if (!fields.Read(name, out)) return;
  CheckPlace(fields.context(), fields.Path(name), "participant", out,
             fields.context().participants);
}

void ReadDeveloper(Fields& fields, const std::string& name, size_t& out) {
  if (!fields.Read(name, out)) return;
  CheckPlace(fields.context(), fields.Path(name), "developer", out, fields.context().developers);
}

void ReadParticipants(Fields& fields, const std::string& name, std::vector<size_t>& out) {
  ReadPlaces(fields, name, "participant", fields.context().participants, out);
}

void ReadDevelopers(Fields& fields, const std::string& name, std::vector<size_t>& out) {
  ReadPlaces(fields, name, "developer", fields.context().developers, out);
}

void ReadLabel(Fields& fields, const std::string& name, std::string& out) {
  fields.Require(name, out);
  CheckLabel(fields.context(), fields.Path(name), out);
}

void ReadCode(Fields& fields, const std::string& name, TxCode& out) {
  std::string text;
  if (!fields.Read(name, text)) return;
  for (uint16_t code = 0; code < static_cast<uint16_t>(TxCode::kTxCodeEnd); ++code) {
    out = static_cast<TxCode>(code);
    if (text == TxCodeName(out)) return;
  }
  fields.context().Complain(fields.Path(name), fmt::format("is no code of the ledger: '{}'", text));
}

void ReadConduct(Fields& fields, const std::string& name, bool of_developers,
                 std::map<size_t, std::vector<Conduct>>& out) {
  const Json* json = fields.Find(name);
  if (json == nullptr) return;
  ReadContext& context = fields.context();
  const std::string path = fields.Path(name);
  if (!json->is_object()) return context.Refuse(path, "an object by place", *json);
  for (const auto& [key, value] : json->items()) {
    size_t place = 0;
    const auto end = std::from_chars(key.data(), key.data() + key.size(), place);
    if (end.ec != std::errc() || end.ptr != key.data() + key.size()) {
      return context.Complain(path, fmt::format("must name places by number, names '{}'", key));
    }
    CheckPlace(context, path, of_developers ? "developer" : "participant", place,
               of_developers ? context.developers : context.participants);
    std::vector<Conduct>& conduct = out[place];
    ReadValue(context, fmt::format("{}.{}", path, key), value, conduct);
    for (const Conduct& one : conduct) {
      const absl::Status known =
          of_developers ? MakeHabit(one.strategy).status() : MakeStrategy(one.strategy).status();
      if (!known.ok()) {
        context.Complain(fmt::format("{}.{}", path, key), fmt::format(": {}", Message(known)));
      }
    }
  }
}

}  // namespace gonka::testing
