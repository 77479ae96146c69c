// What must hold at the end.

#include "testing/scenario/values.h"

namespace gonka::testing {
namespace {

template <size_t I = 0>
void FindKind(const std::string& kind, std::optional<std::set<std::string>>& fields,
              std::string& known) {
  if constexpr (I < std::variant_size_v<Notice>) {
    using T = std::variant_alternative_t<I, Notice>;
    known += (known.empty() ? "" : ", ") + std::string(T::kName);
    if (kind == T::kName) {
      fields.emplace();
      T::VisitFields([&](const auto&... field) { (fields->insert(field.name), ...); });
    }
    FindKind<I + 1>(kind, fields, known);
  }
}

void ReadWhere(Fields& fields, const std::set<std::string>& known,
               std::map<std::string, std::string>& out) {
  const Json* json = fields.Find("where");
  if (json == nullptr) return;
  const std::string path = fields.Path("where");
  if (!json->is_object()) return fields.context().Refuse(path, "an object", *json);
  for (const auto& [name, value] : json->items()) {
    if (!known.contains(name)) {
      fields.context().Complain(path, fmt::format("names '{}', which the notice has not", name));
    }
    out[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

void ReadNotice(Fields& fields, NoticeCheck& out) {
  fields.Require("notice", out.kind);
  std::optional<std::set<std::string>> known;
  std::string kinds;
  FindKind(out.kind, known, kinds);
  if (!known) {
    return fields.context().Complain(
        fields.Path("notice"), fmt::format("is no kind: '{}'; there are: {}", out.kind, kinds));
  }
  ReadWhere(fields, *known, out.where);
  fields.Read("count", out.count);
  if (!fields.Read("sum_of", out.sum_field)) return;
  if (!known->contains(out.sum_field)) {
    fields.context().Complain(fields.Path("sum_of"),
                              fmt::format("names '{}', which the notice has not", out.sum_field));
  }
  fields.Require("sum", out.sum);
}

void ReadRequest(Fields& fields, RequestCheck& out) {
  ReadLabel(fields, "request", out.label);
  fields.Read("answered", out.answered);
  fields.Read("paid", out.paid);
  fields.Read("refunded", out.refunded);
  std::string status;
  if (!fields.Read("status", status)) return;
  for (size_t i = 0; i < kEnumEnd<ledger::InferenceStatus>; ++i) {
    const auto one = static_cast<ledger::InferenceStatus>(i);
    if (status == ledger::NameOf(one)) out.status = one;
  }
  if (!out.status) {
    fields.context().Complain(fields.Path("status"), fmt::format("is none: '{}'", status));
  }
}

void ReadParticipantCheck(Fields& fields, ParticipantCheck& out) {
  ReadParticipant(fields, "participant", out.participant);
  fields.Read("reputation", out.reputation);
  fields.Read("collateral", out.collateral);
  fields.Read("gain", out.gain);
  fields.Read("fees", out.fees);
  fields.Read("emission", out.emission);
  fields.Read("weight_ppm", out.weight_ppm);
  fields.Read("removed", out.removed);
}

void ReadDeveloperCheck(Fields& fields, DeveloperCheck& out) {
  ReadDeveloper(fields, "developer", out.developer);
  fields.Read("gain", out.gain);
}

void ReadPay(Fields& fields, PayCheck& out) {
  ReadParticipant(fields, "of", out.of);
  ReadParticipant(fields, "against", out.against);
  fields.Require("ppm", out.ppm);
}

template <class T, class Read>
void ReadChecks(Fields& parent, const std::string& name, std::vector<T>& out, const Read& read) {
  const Json* json = parent.Find(name);
  if (json == nullptr) return;
  if (!json->is_array()) return parent.context().Refuse(parent.Path(name), "a list", *json);
  for (size_t i = 0; i < json->size(); ++i) {
    Fields fields(parent.context(), fmt::format("{}[{}]", parent.Path(name), i), (*json)[i]);
    read(fields, out.emplace_back());
  }
}

// By name; the names are those that the predicate knows.
template <class IsKnown>
void ReadCounts(Fields& parent, const std::string& name, std::map<std::string, Range>& out,
                const IsKnown& is_known) {
  const Json* json = parent.Find(name);
  if (json == nullptr) return;
  const std::string path = parent.Path(name);
  if (!json->is_object()) return parent.context().Refuse(path, "an object", *json);
  for (const auto& [key, value] : json->items()) {
    if (!is_known(key)) parent.context().Complain(path + "." + key, "is none of the ledger's");
    ReadValue(parent.context(), path + "." + key, value, out[key]);
  }
}

bool IsStatus(const std::string& name) {
  for (size_t i = 0; i < kEnumEnd<ledger::InferenceStatus>; ++i) {
    if (name == ledger::NameOf(static_cast<ledger::InferenceStatus>(i))) return true;
  }
  return false;
}

bool IsCode(const std::string& name) {
  for (uint16_t code = 0; code < static_cast<uint16_t>(TxCode::kTxCodeEnd); ++code) {
    if (name == TxCodeName(static_cast<TxCode>(code))) return true;
  }
  return false;
}

}  // namespace

void ReadExpectations(Fields& fields, Expectations& out) {
  ReadParticipants(fields, "convicted", out.convicted);
  ReadParticipants(fields, "may_be_convicted", out.may_be_convicted);
  ReadChecks(fields, "notices", out.notices, ReadNotice);
  ReadCounts(fields, "records", out.records, IsStatus);
  ReadCounts(fields, "refusals", out.refusals, IsCode);
  fields.Read("answered", out.answered);
  fields.Read("failed", out.failed);
  ReadChecks(fields, "requests", out.requests, ReadRequest);
  ReadChecks(fields, "participants", out.participants, ReadParticipantCheck);
  ReadChecks(fields, "developers", out.developers, ReadDeveloperCheck);
  ReadChecks(fields, "pay", out.pay, ReadPay);
  if (const Json* json = fields.Find("against_honest")) {
    HonestCheck& check = out.against_honest.emplace();
    Fields honest(fields.context(), fields.Path("against_honest"), *json);
    ReadParticipants(honest, "participants", check.participants);
    ReadDevelopers(honest, "developers", check.developers);
    honest.Read("gain", check.gain);
  }
  fields.Read("price", out.price);
  ReadParticipants(fields, "apart", out.apart);
  fields.Read("replays", out.replays);
}

}  // namespace gonka::testing
