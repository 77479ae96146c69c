#include "testing/scenario/chronicle.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gonka/base/json.h"

namespace gonka::testing {
namespace {

constexpr size_t kDigits = 8;  // Of an id, in the story.

// Told as they come. What is frequent is only counted, and money is told at settlement.
bool IsWorthALine(const Notice& notice) {
  static const std::set<std::string> kFrequent = {
      "epoch_started", "record_opened",     "record_finished", "record_delivered",
      "check_drawn",   "committee_drawn",   "vote_revealed",   "refunded",
      "paid",          "withheld",          "epoch_settled",   "recheck_drawn",
      "key_delegated", "reputation_changed"};
  if (const auto* verdict = std::get_if<VerdictRevealed>(&notice)) {
    return verdict->verdict != Verdict::kPass;
  }
  return !kFrequent.contains(KindOf(notice));
}

int64_t Units(Amount amount) {
  return static_cast<int64_t>(amount.units());
}

}  // namespace

nlohmann::json JsonOf(const Notice& notice) {
  return nlohmann::json::parse(ToJson(notice));
}

const char* KindOf(const Notice& notice) {
  return std::visit([](const auto& one) { return one.kName; }, notice);
}

Chronicle::Chronicle(SimWorld& world, const SimOptions& options, const StoryLine& tell)
    : world_(world), tell_(tell), participants_(options.participants + options.newcomers) {
  const auto name = [&](const AccountId& account, const std::string& text) {
    names_[account] = text;
    accounts_[text] = Hex(account);
    if (account != AccountId{}) wealth_at_first_[account] = WealthOf(account);
  };
  for (size_t i = 0; i < participants_; ++i) {
    name(world.participant(i), fmt::format("participant {}", i));
  }
  for (size_t i = 0; i < options.developers; ++i) {
    name(world.developer(i), fmt::format("developer {}", i));
  }
  name(AccountId{}, "nobody");
}

int64_t Chronicle::WealthOf(const AccountId& account) const {
  int64_t wealth = Units(world_.Balance(account));
  if (const auto participant = ledger::FindParticipant(*world_.Ledger(), account)) {
    wealth += Units(participant->collateral);
    for (const auto& part : participant->unbonding) wealth += Units(part.amount);
  }
  return wealth;
}

int64_t Chronicle::GainOf(const AccountId& account) const {
  return WealthOf(account) - wealth_at_first_.at(account);
}

Chronicle::Pay Chronicle::PayOf(size_t participant) const {
  const auto found = pay_.find(world_.participant(participant));
  return found == pay_.end() ? Pay{} : found->second;
}

std::string Chronicle::NameOf(const AccountId& account) const {
  const auto found = names_.find(account);
  return found == names_.end() ? Hex(account).substr(0, kDigits) : found->second;
}

std::string Chronicle::HexOf(const std::string& name) const {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? name : found->second;
}

void Chronicle::Look() {
  while (seen_ < world_.notices().size()) {
    const Notice notice = world_.notices()[seen_++];
    Note(notice);
    TellNotice(notice);
  }
}

void Chronicle::Note(const Notice& notice) {
  if (const auto* opened = std::get_if<RecordOpened>(&notice)) open_.push_back(opened->inference);
  if (const auto* refunded = std::get_if<Refunded>(&notice)) {
    auto& [count, sum] = refunds_[{refunded->developer, refunded->reason}];
    ++count;
    sum += Units(refunded->amount);
  }
  if (const auto* paid = std::get_if<Paid>(&notice)) {
    Pay& pay = pay_[paid->participant];
    pay.fees += Units(paid->executor_fees + paid->ta_fees + paid->validator_fees);
    pay.emission += Units(paid->emission);
    paid_now_.push_back(*paid);
  }
  if (const auto* withheld = std::get_if<Withheld>(&notice)) withheld_now_.push_back(*withheld);
  if (const auto* settled = std::get_if<EpochSettled>(&notice)) Settle(*settled);
}

void Chronicle::Settle(const EpochSettled& settled) {
  const auto view = world_.Ledger();
  std::erase_if(open_, [&](const InferenceId& id) {
    const auto record = ledger::FindSettledRecord(*view, id);
    if (record) settled_[id] = *record;
    return record.has_value();
  });
  TellPay(settled);
  TellRefunds();
  paid_now_.clear();
  withheld_now_.clear();
}

void Chronicle::TellNotice(const Notice& notice) {
  if (const auto* started = std::get_if<EpochStarted>(&notice)) {
    return tell_(fmt::format("--- epoch {}: {} participants, weight {}", started->epoch,
                             started->members, started->total_weight));
  }
  if (!IsWorthALine(notice)) return;
  std::string line = fmt::format("  height {:<5} {:<20}", world_.height(), KindOf(notice));
  const nlohmann::json json = JsonOf(notice);
  for (const auto& [field, value] : json.items()) {
    if (field == "kind" || value.is_array() || value.is_object()) continue;
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    for (const auto& [account, name] : names_) {
      if (Hex(account) == text) text = name;
    }
    if (text.size() == 64) text = text.substr(0, kDigits);
    line += fmt::format(" {} {} ", field, text);
  }
  tell_(line);
}

void Chronicle::TellPay(const EpochSettled& settled) {
  tell_(
      fmt::format("--- epoch {} is settled: {} records, fees {}, emission {}; paid {}, refunded "
                  "{}, burned {}, treasury {}",
                  settled.epoch, settled.records, settled.fees.units(), settled.emission.units(),
                  settled.paid.units(), settled.refunded.units(), settled.burned.units(),
                  settled.treasury.units()));
  tell_(fmt::format("  {:<16}{:>10}{:>10}{:>10}{:>10}  {:>10}  {}", "", "executor", "ta",
                    "validator", "emission", "reputation", "withheld"));
  std::sort(paid_now_.begin(), paid_now_.end(), [this](const Paid& a, const Paid& b) {
    return world_.PlaceOf(a.participant) < world_.PlaceOf(b.participant);
  });
  for (const Paid& paid : paid_now_) {
    std::string withheld;
    for (const Withheld& entry : withheld_now_) {
      if (entry.participant != paid.participant) continue;
      withheld += fmt::format("{} {}  ", entry.amount.units(), gonka::NameOf(entry.reason));
    }
    const auto about = ledger::FindParticipant(*world_.Ledger(), paid.participant);
    tell_(fmt::format("  {:<16}{:>10}{:>10}{:>10}{:>10}  {:>9.2f}%  {}", NameOf(paid.participant),
                      paid.executor_fees.units(), paid.ta_fees.units(), paid.validator_fees.units(),
                      paid.emission.units(), about ? about->reputation.value / 1e4 : 0.0,
                      withheld));
  }
}

void Chronicle::TellRefunds() {
  for (const auto& [key, refund] : refunds_) {
    tell_(fmt::format("  so far {} refunds of {} in all went back to {}: {}", refund.first,
                      refund.second, NameOf(key.first), gonka::NameOf(key.second)));
  }
}

}  // namespace gonka::testing
