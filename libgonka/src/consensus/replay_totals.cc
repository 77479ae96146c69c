#include "consensus/replay_totals.h"

#include "gonka/base/json.h"
#include "gonka/ledger/queries.h"

namespace gonka::consensus {
namespace {

// Records are kept under this letter (ledger::RecordKey).
constexpr uint8_t kRecordLetter = 'r';

template <class Variant>
const char* KindOf(const Variant& value) {
  return std::visit([](const auto& alternative) { return alternative.kName; }, value);
}

void Add(AmountSum& sum, Amount amount) {
  if (amount == Amount(0)) return;
  ++sum.count;
  sum.amount += amount.units();
}

void AddNotice(ReplayTotals& totals, const Notice& notice) {
  ++totals.notices[KindOf(notice)];
  if (const auto* refunded = std::get_if<Refunded>(&notice)) {
    Add(totals.refunds[NameOf(refunded->reason)], refunded->amount);
  } else if (const auto* withheld = std::get_if<Withheld>(&notice)) {
    Add(totals.withheld[NameOf(withheld->reason)], withheld->amount);
  } else if (const auto* convicted = std::get_if<Convicted>(&notice)) {
    Add(totals.slashed, convicted->slashed);
  } else if (const auto* paid = std::get_if<Paid>(&notice)) {
    Add(totals.executor_fees, paid->executor_fees);
    Add(totals.ta_fees, paid->ta_fees);
    Add(totals.validator_fees, paid->validator_fees);
    Add(totals.emission, paid->emission);
  }
}

std::optional<ledger::SettledRecord> SettledIn(ByteSpan value) {
  auto record = Decode<ledger::SettledRecord>(value);
  if (!record.ok()) return std::nullopt;
  return *std::move(record);
}

// A record is terminal once it has shrunk; a later write changes no state.
void AddSettled(ReplayTotals& totals, const ledger::View& state, const StateWrite& write) {
  if (write.key.empty() || write.key[0] != kRecordLetter || !write.value) return;
  const auto record = SettledIn(*write.value);
  if (!record) return;
  const std::optional<Bytes> before = state.Get(write.key);
  if (before && SettledIn(*before)) return;
  ++totals.settled[NameOf(record->status)];
}

}  // namespace

void AddBlock(ReplayTotals& totals, const ledger::View& state, const Block& block,
              const ledger::BlockResult& result) {
  size_t next = 0;
  for (const SignedTx& tx : block.txs) {
    for (const Event& event : tx.events) {
      GONKA_CHECK(next < result.receipts.size());
      const TxCode code = result.receipts[next++].code;
      EventCount& count = totals.events[KindOf(event)];
      ++(code == TxCode::kOk ? count.accepted : count.refused);
      if (code != TxCode::kOk) ++totals.refusals[NameOf(code)];
    }
  }
  AddNotices(totals, result);
  for (const StateWrite& write : result.writes) AddSettled(totals, state, write);
}

void AddNotices(ReplayTotals& totals, const ledger::BlockResult& result) {
  for (const Notice& notice : result.notices) AddNotice(totals, notice);
}

void Finish(ReplayTotals& totals, const ledger::View& state) {
  totals.coins = ledger::ReadChain(state).totals;
  state.Scan(ByteSpan(&kRecordLetter, 1), {}, [&](ByteSpan, ByteSpan value) {
    if (!SettledIn(value)) ++totals.open_records;
    return true;
  });
}

}  // namespace gonka::consensus
