#include "testing/scenario/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::testing {
namespace {

std::string Shown(const Range& range) {
  if (range.min && range.max && *range.min == *range.max) return std::to_string(*range.min);
  if (!range.max) return fmt::format("at least {}", range.min.value_or(0));
  if (!range.min) return fmt::format("at most {}", *range.max);
  return fmt::format("{} to {}", *range.min, *range.max);
}

class Judgement {
 public:
  Judgement(const Expectations& expect, SimWorld& world, const Chronicle& chronicle,
            const std::map<std::string, size_t>& labels, std::vector<std::string>& failures)
      : expect_(expect),
        world_(world),
        chronicle_(chronicle),
        labels_(labels),
        failures_(failures) {}

  void CheckAll() {
    CheckConvicted();
    for (const NoticeCheck& check : expect_.notices) CheckNotices(check);
    CheckCounts();
    for (const RequestCheck& check : expect_.requests) CheckRequest(check);
    for (const ParticipantCheck& check : expect_.participants) CheckParticipant(check);
    for (const DeveloperCheck& check : expect_.developers) {
      Check(fmt::format("the gain of developer {}", check.developer), check.gain,
            chronicle_.GainOf(world_.developer(check.developer)));
    }
    for (const PayCheck& check : expect_.pay) CheckPay(check);
  }

 private:
  void Check(const std::string& what, const Range& range, int64_t value) {
    if (range.Contains(value)) return;
    failures_.push_back(fmt::format("{} is {}, expected {}", what, value, Shown(range)));
  }

  void CheckConvicted();
  void CheckNotices(const NoticeCheck& check);
  bool Matches(const nlohmann::json& notice, const NoticeCheck& check) const;
  std::string Expected(const std::string& value) const;
  void CheckCounts();
  void CheckRequest(const RequestCheck& check);
  void CheckParticipant(const ParticipantCheck& check);
  void CheckPay(const PayCheck& check);
  double PayByWeight(size_t place) const;

  const Expectations& expect_;
  SimWorld& world_;
  const Chronicle& chronicle_;
  const std::map<std::string, size_t>& labels_;
  std::vector<std::string>& failures_;
};

void Judgement::CheckConvicted() {
  const auto names_of = [this](const std::vector<size_t>& places) {
    std::set<std::string> names;
    for (const size_t place : places) names.insert(chronicle_.NameOf(world_.participant(place)));
    return names;
  };
  const std::set<std::string> wanted = names_of(expect_.convicted);
  const std::set<std::string> allowed = names_of(expect_.may_be_convicted);
  std::set<std::string> found;
  for (const Convicted& convicted : world_.Told<Convicted>()) {
    found.insert(chronicle_.NameOf(convicted.accused));
  }
  for (const std::string& name : wanted) {
    if (!found.contains(name)) failures_.push_back(name + " is not convicted");
  }
  for (const std::string& name : found) {
    const bool expected = wanted.contains(name) || allowed.contains(name);
    if (!expected) failures_.push_back(name + " is convicted");
  }
}

// As the JSON view has it: names of accounts and requests become their ids.
std::string Judgement::Expected(const std::string& value) const {
  constexpr std::string_view kRequest = "request ";
  if (!value.starts_with(kRequest)) return chronicle_.HexOf(value);
  const auto found = labels_.find(value.substr(kRequest.size()));
  if (found == labels_.end()) return value;
  const auto& accepted = world_.request(found->second).accepted;
  return accepted ? Hex(*accepted) : value;
}

bool Judgement::Matches(const nlohmann::json& notice, const NoticeCheck& check) const {
  return std::all_of(check.where.begin(), check.where.end(), [&](const auto& field) {
    const nlohmann::json& value = notice.at(field.first);
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    return text == Expected(field.second);
  });
}

void Judgement::CheckNotices(const NoticeCheck& check) {
  int64_t count = 0;
  int64_t sum = 0;
  for (const Notice& notice : world_.notices()) {
    if (KindOf(notice) != check.kind) continue;
    const nlohmann::json json = JsonOf(notice);
    if (!Matches(json, check)) continue;
    ++count;
    if (check.sum_field.empty()) continue;
    const nlohmann::json& field = json.at(check.sum_field);
    if (field.is_number_integer()) sum += field.get<int64_t>();
  }
  std::string what = check.kind;
  for (const auto& [field, value] : check.where) what += fmt::format(" {} {}", field, value);
  Check("the number of notices " + what, check.count, count);
  if (!check.sum_field.empty()) {
    Check(fmt::format("the sum of {} of {}", check.sum_field, what), check.sum, sum);
  }
}

void Judgement::CheckCounts() {
  std::map<std::string, int64_t> records;
  for (const auto& [id, record] : chronicle_.settled()) ++records[ledger::NameOf(record.status)];
  for (const auto& [status, range] : expect_.records) {
    Check(fmt::format("the number of {} records", status), range, records[status]);
  }
  std::map<std::string, int64_t> refusals;
  for (const TxCode code : world_.refusals()) ++refusals[TxCodeName(code)];
  for (const auto& [code, range] : expect_.refusals) {
    Check(fmt::format("the number of events refused with {}", code), range, refusals[code]);
  }
  int64_t answered = 0;
  int64_t failed = 0;
  for (size_t i = 0; i < world_.requests(); ++i) {
    const auto& answer = world_.request(i).answer;
    answered += answer && answer->ok() ? 1 : 0;
    failed += answer && !answer->ok() ? 1 : 0;
  }
  const auto models = ledger::ListModels(*world_.Ledger());
  const auto price = ledger::FindPrice(*world_.Ledger(), models.at(0).id);
  Check("the price of a token", expect_.price, static_cast<int64_t>(price->now.units()));
  Check("the number of answered requests", expect_.answered, answered);
  Check("the number of requests without an answer", expect_.failed, failed);
}

void Judgement::CheckRequest(const RequestCheck& check) {
  const auto found = labels_.find(check.label);
  if (found == labels_.end()) return failures_.push_back(check.label + " was never asked");
  const SimRequest& request = world_.request(found->second);
  const bool answered = request.answer && request.answer->ok();
  if (check.answered && *check.answered != answered) {
    failures_.push_back(fmt::format("{} is {}answered", check.label, answered ? "" : "not "));
  }
  if (!check.status && !check.paid.min && !check.paid.max && !check.refunded.min &&
      !check.refunded.max) {
    return;
  }
  const auto record =
      request.accepted ? chronicle_.settled().find(*request.accepted) : chronicle_.settled().end();
  if (record == chronicle_.settled().end()) {
    return failures_.push_back(check.label + " has no settled record");
  }
  const ledger::SettledRecord& settled = record->second;
  if (check.status && *check.status != settled.status) {
    failures_.push_back(fmt::format("{} is {}, expected {}", check.label,
                                    ledger::NameOf(settled.status), ledger::NameOf(*check.status)));
  }
  Check("what was paid for " + check.label, check.paid, static_cast<int64_t>(settled.paid.units()));
  Check("what was refunded of " + check.label, check.refunded,
        static_cast<int64_t>(settled.refunded.units()));
}

void Judgement::CheckParticipant(const ParticipantCheck& check) {
  const AccountId id = world_.participant(check.participant);
  const std::string name = chronicle_.NameOf(id);
  const auto view = world_.Ledger();
  // Nothing where it has left and is forgotten.
  const auto about = ledger::FindParticipant(*view, id).value_or(ledger::Participant{});
  Check("the reputation of " + name, check.reputation, about.reputation.value);
  Check("the collateral of " + name, check.collateral,
        static_cast<int64_t>(about.collateral.units()));
  Check("the gain of " + name, check.gain, chronicle_.GainOf(id));
  const Chronicle::Pay pay = chronicle_.PayOf(check.participant);
  Check("fees of " + name, check.fees, pay.fees);
  Check("emission of " + name, check.emission, pay.emission);
  if (check.removed && *check.removed != about.removed) {
    failures_.push_back(fmt::format("{} is {}removed", name, about.removed ? "" : "not "));
  }
  if (!check.weight_ppm.min && !check.weight_ppm.max) return;
  const auto table = ledger::FindEpoch(*view, world_.epoch());
  uint64_t total = 0;
  uint64_t own = 0;
  for (const ledger::Member& member : table->members) {
    total += member.weight;
    if (member.id == id) own = member.weight;
  }
  Check("the weight of " + name, check.weight_ppm,
        static_cast<int64_t>(MulDivFloor(own, Ppm::kOne, std::max<uint64_t>(total, 1))));
}

double Judgement::PayByWeight(size_t place) const {
  const Chronicle::Pay pay = chronicle_.PayOf(place);
  const auto about = ledger::FindParticipant(*world_.Ledger(), world_.participant(place));
  const double weight = about ? static_cast<double>(about->weight) : 0;
  return static_cast<double>(pay.fees + pay.emission) / std::max(weight, 1.0);
}

void Judgement::CheckPay(const PayCheck& check) {
  const double against = PayByWeight(check.against);
  const double ratio = against > 0 ? PayByWeight(check.of) / against : 0;
  Check(
      fmt::format("the pay of participant {} in ppm of participant {}'s", check.of, check.against),
      check.ppm, static_cast<int64_t>(ratio * Ppm::kOne));
}

}  // namespace

void Judge(const Expectations& expect, SimWorld& world, const Chronicle& chronicle,
           const std::map<std::string, size_t>& labels, std::vector<std::string>& failures) {
  Judgement(expect, world, chronicle, labels, failures).CheckAll();
}

}  // namespace gonka::testing
