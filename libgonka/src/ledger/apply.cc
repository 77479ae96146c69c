#include <fmt/format.h>

#include <algorithm>

#include "gonka/ledger/ledger.h"
#include "gonka/ledger/queries.h"
#include "gonka/ledger/state_root.h"
#include "ledger/cases.h"
#include "ledger/collateral.h"
#include "ledger/delegation.h"
#include "ledger/draws.h"
#include "ledger/epochs.h"
#include "ledger/events.h"
#include "ledger/finish_block.h"
#include "ledger/governance.h"
#include "ledger/money.h"
#include "ledger/pricing.h"
#include "ledger/records.h"
#include "ledger/sequence.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

absl::Status Refuse(const BlockHeader& header, const std::string& why) {
  return absl::InvalidArgumentError(fmt::format("block {}: {}", header.height, why));
}

absl::Status CheckHeader(const Chain& chain, const BlockHeader& header) {
  if (header.network != chain.network) {
    return Refuse(header,
                  fmt::format("is of network {}, not {}", Hex(header.network), Hex(chain.network)));
  }
  if (header.height != chain.height + 1) {
    return Refuse(header, fmt::format("does not follow height {}", chain.height));
  }
  if (header.time_us <= chain.time_us) {
    return Refuse(header,
                  fmt::format("time {} us is not after {} us", header.time_us, chain.time_us));
  }
  const Hash app_hash = chain.history.Root();
  if (header.app_hash != app_hash) {
    return Refuse(header, fmt::format("expects app hash {}, the state before it has {}",
                                      Hex(header.app_hash), Hex(app_hash)));
  }
  return absl::OkStatus();
}

absl::Status RevealLink(BlockState& state, const BlockHeader& header) {
  if (!header.link) return absl::OkStatus();
  const Key key = keys::OfParticipant(header.proposer);
  const Participant* proposer = state.participants.Find(key);
  if (proposer == nullptr) {
    return Refuse(header,
                  fmt::format("has a link of {}, which is no participant", Hex(header.proposer)));
  }
  if (proposer->chain_head.IsZero() || BeaconChainStep(*header.link) != proposer->chain_head) {
    return Refuse(header, fmt::format("link {} does not continue the chain of {}",
                                      Hex(*header.link), Hex(header.proposer)));
  }
  state.participants.Change(key).chain_head = *header.link;
  state.chain.beacon = NextBeacon(state.chain.beacon, header.height, *header.link);
  ++state.chain.beacon_links;
  return absl::OkStatus();
}

absl::Status BeginBlock(BlockState& state, const BlockHeader& header) {
  state.chain.height = header.height;
  state.chain.time_us = header.time_us;
  const bool begins_epoch = BeginsEpoch(state);
  if (begins_epoch) AdoptChainEnds(state);
  GONKA_RETURN_IF_ERROR(RevealLink(state, header));
  if (begins_epoch) BeginEpoch(state);
  state.KeepEvent();
  if (state.chain.rules > kRulesKnown) {
    return absl::FailedPreconditionError(fmt::format(
        "block {} follows version {} of the rules, this program knows them up to {}: upgrade it",
        header.height, state.chain.rules, kRulesKnown));
  }
  return absl::OkStatus();
}

TxCode ApplyAs(BlockState& state, const AccountId& account, const Event& event) {
  return std::visit([&](const auto& body) { return Apply(state, account, body); }, event);
}

// By a warm key: what the event takes out of the account's balance comes out of the key's cap.
TxCode ApplyDelegated(BlockState& state, const AccountId& key, const AccountId& account,
                      const Event& event) {
  if (const TxCode code = CheckDelegated(state, key, account, event); code != TxCode::kOk) {
    return code;
  }
  const Amount before = state.accounts.Get(keys::Of(account)).balance;
  if (const TxCode code = ApplyAs(state, account, event); code != TxCode::kOk) return code;
  const Amount after = state.accounts.Get(keys::Of(account)).balance;
  return ChargeDelegated(state, key, after < before ? before - after : Amount(0));
}

// Whom a refused event is to be charged to: nobody can make others pay who did not let it speak.
AccountId SpeakerOf(BlockState& state, const SignedTx& tx, const Event& event) {
  if (!tx.acts_for) return tx.sender;
  const bool delegated = CheckDelegated(state, tx.sender, *tx.acts_for, event) == TxCode::kOk;
  return delegated ? *tx.acts_for : tx.sender;
}

// A participant pays out of its stake, anybody else out of its balance, as far as that goes; a warm
// key of one who is no participant out of its cap, too.
void ChargeRefused(BlockState& state, const SignedTx& tx, const Event& event) {
  const Amount fee = state.params.money.refused_event_fee;
  if (fee == Amount(0)) return;
  const AccountId speaker = SpeakerOf(state, tx, event);
  const Key participant = keys::OfParticipant(speaker);
  if (state.participants.Find(participant) != nullptr) {
    TakeStake(state, state.participants.Change(participant), Treasury(), fee);
  } else {
    Account& account = state.accounts.Change(keys::Of(speaker));
    Amount taken = std::min(fee, account.balance);
    if (speaker != tx.sender) taken = std::min(taken, CapOf(state, tx.sender));
    Move(state, BalanceOf(account), Treasury(), taken);
    if (speaker != tx.sender) GONKA_CHECK(ChargeDelegated(state, tx.sender, taken) == TxCode::kOk);
  }
  state.KeepEvent();
}

TxCode ApplyEvent(BlockState& state, const SignedTx& tx, const Event& event) {
  state.BeginEvent();
  const TxCode code = tx.acts_for ? ApplyDelegated(state, tx.sender, *tx.acts_for, event)
                                  : ApplyAs(state, tx.sender, event);
  if (code == TxCode::kOk) {
    state.KeepEvent();
  } else {
    state.TakeBackEvent();
    ChargeRefused(state, tx, event);
  }
  return code;
}

TxCode Admit(BlockState& state, const SignedTx& tx) {
  if (tx.network != state.chain.network) return TxCode::kWrongNetwork;
  if (tx.acts_for == tx.sender) return TxCode::kMalformed;
  const Key key = keys::Of(tx.sender);
  const Account* account = state.accounts.Find(key);
  if (account == nullptr) return TxCode::kUnknownAccount;
  const TxCode code = CheckSequence(account->window, tx.sequence);
  if (code != TxCode::kOk) return code;
  UseSequence(state.accounts.Change(key).window, tx.sequence);
  state.KeepEvent();
  return TxCode::kOk;
}

void ApplyTx(BlockState& state, const VerifiedTx& verified, std::vector<Receipt>& receipts) {
  const TxCode admission = Admit(state, verified.tx);
  for (uint32_t i = 0; i < verified.tx.events.size(); ++i) {
    const TxCode code = admission == TxCode::kOk
                            ? ApplyEvent(state, verified.tx, verified.tx.events[i])
                            : admission;
    receipts.push_back({.tx = verified.hash, .index = i, .code = code});
  }
}

absl::Status RecordStateRoot(BlockState& state, const std::optional<StateRoot>& root) {
  const std::optional<StateRootDue> due = FindStateRootDue(state.view);
  if (!due || due->recorded_at != state.height()) return absl::OkStatus();
  if (!root || root->height != due->height) {
    return absl::FailedPreconditionError(
        fmt::format("block {} records the root of the state after block {}, which is not given",
                    state.height(), due->height));
  }
  state.state_roots.Put(keys::OfStateRoot(state.chain.epoch), *root);
  return absl::OkStatus();
}

void EndBlock(BlockState& state) {
  ExpireRecords(state);
  RunTimers(state);
  RunSprint(state);
  RunDueDraws(state);
  if (const std::optional<uint64_t> epoch = EpochToSettle(state)) SettleEpoch(state, *epoch);
  CountVotes(state);
  EndDelegations(state);
  MovePrices(state);
  Prune(state);
  GONKA_CHECK(IsConserved(state.chain.totals));
}

}  // namespace

absl::StatusOr<BlockResult> ApplyBlock(const View& view, const BlockHeader& header,
                                       std::span<const VerifiedTx> txs,
                                       const std::optional<StateRoot>& state_root) {
  BlockState state(view);
  GONKA_RETURN_IF_ERROR(CheckHeader(state.chain, header));
  GONKA_RETURN_IF_ERROR(BeginBlock(state, header));
  GONKA_RETURN_IF_ERROR(RecordStateRoot(state, state_root));
  std::vector<Receipt> receipts;
  for (const VerifiedTx& tx : txs) ApplyTx(state, tx, receipts);
  EndBlock(state);
  return FinishBlock(state, std::move(receipts));
}

TxCode CheckAdmission(const View& view, const SignedTx& tx) {
  if (tx.network != ReadChain(view).network) return TxCode::kWrongNetwork;
  if (tx.events.empty() || tx.acts_for == tx.sender) return TxCode::kMalformed;
  const std::optional<Account> account = FindAccount(view, tx.sender);
  if (!account) return TxCode::kUnknownAccount;
  if (tx.acts_for) {
    const std::optional<Delegation> delegation = FindDelegation(view, tx.sender);
    if (!delegation || delegation->account != *tx.acts_for) return TxCode::kNotDelegated;
  }
  return CheckSequence(account->window, tx.sequence);
}

}  // namespace gonka::ledger
