#include "ledger/delegation.h"

#include <algorithm>

#include "ledger/events.h"

namespace gonka::ledger {

const NodeKey* NodeKeyInUse(const Participant& participant) {
  if (participant.node_keys.empty() || participant.node_keys.back().retired) return nullptr;
  return &participant.node_keys.back();
}

namespace {

constexpr uint64_t kKnownEvents = (uint64_t{1} << std::variant_size_v<Event>)-1;

uint64_t GraceEnd(const BlockState& state) {
  return state.height() + state.params.time.grace_blocks;
}

// Keys whose signatures count no more make room for others.
void DropSpentKeys(Participant& participant, uint64_t height) {
  std::erase_if(participant.node_keys, [&](const NodeKey& key) { return key.until < height; });
}

// Nobody calls it any more; what it has signed counts a little longer.
void RetireNodeKey(BlockState& state, const AccountId& account, const AccountId& key) {
  const Key participant_key = keys::OfParticipant(account);
  if (state.participants.Find(participant_key) == nullptr) return;  // It left long ago.
  Participant& participant = state.participants.Change(participant_key);
  for (NodeKey& one : participant.node_keys) {
    if (one.key != key) continue;
    one.retired = true;
    one.until = std::min(one.until, GraceEnd(state));
  }
}

TxCode TakeOver(BlockState& state, const AccountId& account, const Delegate& event) {
  const Participant& before = state.participants.Get(keys::OfParticipant(account));
  const NodeKey* in_use = NodeKeyInUse(before);
  if (in_use != nullptr && in_use->key != event.key) {
    const AccountId old = in_use->key;
    RetireNodeKey(state, account, old);
    state.delegations.Change(keys::OfDelegation(old)).speaks = false;
  }
  Participant& participant = state.participants.Change(keys::OfParticipant(account));
  DropSpentKeys(participant, state.height());
  std::erase_if(participant.node_keys, [&](const NodeKey& key) { return key.key == event.key; });
  if (participant.node_keys.size() >= kNodeKeysMax) return TxCode::kQuotaExceeded;
  participant.node_keys.push_back({.key = event.key, .until = event.expires_height});
  return TxCode::kOk;
}

TxCode CheckTerms(const AccountId& sender, const Delegate& event, uint64_t height) {
  if (event.key == sender || event.replaces == event.key) return TxCode::kMalformed;
  if ((event.events & kColdEvents) != 0 || (event.events & ~kKnownEvents) != 0) {
    return TxCode::kMalformed;
  }
  if (event.events == 0 && !event.speaks && !event.orders) return TxCode::kMalformed;
  return event.expires_height < height ? TxCode::kDelegationExpired : TxCode::kOk;
}

TxCode RevokeKey(BlockState& state, const AccountId& account, const AccountId& warm) {
  const Key key = keys::OfDelegation(warm);
  const Delegation* found = state.delegations.Find(key);
  if (found == nullptr || found->account != account) return TxCode::kNotDelegated;
  if (found->revoked) return TxCode::kAlreadyDone;
  if (found->speaks) RetireNodeKey(state, account, warm);
  Delegation& delegation = state.delegations.Change(key);
  state.index.Erase(keys::OfDelegationEnd(delegation.ends_height, warm));
  delegation.events = 0;
  delegation.speaks = false;
  delegation.revoked = true;
  delegation.ends_height = std::min(delegation.ends_height, GraceEnd(state));
  state.index.Put(keys::OfDelegationEnd(delegation.ends_height, warm), {});
  state.Tell(KeyRevoked{.account = account, .key = warm});
  return TxCode::kOk;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Delegate& event) {
  if (const TxCode code = CheckTerms(sender, event, state.height()); code != TxCode::kOk) {
    return code;
  }
  const Key key = keys::OfDelegation(event.key);
  const Delegation* before = state.delegations.Find(key);
  if (before != nullptr && before->account != sender) return TxCode::kConflictsWithRecord;
  if (before != nullptr && before->speaks && !event.speaks) {
    RetireNodeKey(state, sender, event.key);
  }
  if (event.speaks) {
    TxCode code = CheckParticipant(state, sender);
    if (code == TxCode::kOk) code = TakeOver(state, sender, event);
    if (code != TxCode::kOk) return code;
  }
  if (event.replaces) {
    const TxCode code = RevokeKey(state, sender, *event.replaces);
    if (code != TxCode::kOk) return code;
  }
  if (before == nullptr) {
    Account& account = state.accounts.Change(keys::Of(sender));
    if (account.delegations >= kDelegationsMax) return TxCode::kQuotaExceeded;
    ++account.delegations;
    state.accounts.Ensure(keys::Of(event.key));  // For its sequence numbers.
  } else {
    state.index.Erase(keys::OfDelegationEnd(before->ends_height, event.key));
  }
  state.delegations.Put(key, {.account = sender,
                              .events = event.events,
                              .speaks = event.speaks,
                              .orders = event.orders,
                              .cap = event.cap,
                              .expires_height = event.expires_height,
                              .ends_height = event.expires_height});
  state.index.Put(keys::OfDelegationEnd(event.expires_height, event.key), {});
  state.Tell(KeyDelegated{.account = sender,
                          .key = event.key,
                          .events = event.events,
                          .speaks = event.speaks,
                          .orders = event.orders,
                          .cap = event.cap,
                          .expires_height = event.expires_height});
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const Revoke& event) {
  return RevokeKey(state, sender, event.key);
}

TxCode CheckDelegated(BlockState& state, const AccountId& key, const AccountId& account,
                      const Event& event) {
  const Delegation* delegation = state.delegations.Find(keys::OfDelegation(key));
  if (delegation == nullptr || delegation->account != account) return TxCode::kNotDelegated;
  if (delegation->expires_height < state.height()) return TxCode::kDelegationExpired;
  const bool named = (delegation->events >> event.index() & 1) != 0;
  return named ? TxCode::kOk : TxCode::kNotDelegated;
}

Amount CapOf(BlockState& state, const AccountId& key) {
  return state.delegations.Get(keys::OfDelegation(key)).cap;
}

TxCode ChargeDelegated(BlockState& state, const AccountId& key, Amount spent) {
  if (spent == Amount(0)) return TxCode::kOk;
  Delegation& delegation = state.delegations.Change(keys::OfDelegation(key));
  if (spent > delegation.cap) return TxCode::kDelegationCap;
  delegation.cap -= spent;
  return TxCode::kOk;
}

static TxCode CheckOrder(const Delegation* delegation, const Request& request, uint64_t height) {
  if (delegation == nullptr || delegation->account != request.developer || !delegation->orders) {
    return TxCode::kNotDelegated;
  }
  const bool over =
      delegation->ends_height < height || delegation->expires_height < request.expiry_height;
  return over ? TxCode::kDelegationExpired : TxCode::kOk;
}

TxCode CheckDeveloper(const Allowance& allowance, const Delegation* delegation,
                      const Assignment& assignment, uint64_t height) {
  const Request& request = assignment.request;
  if (request.signer) {
    const TxCode code = CheckOrder(delegation, request, height);
    if (code != TxCode::kOk) return code;
  }
  if (!assignment.developer_signature) {
    return allowance.key_digest && !request.signer ? TxCode::kOk : TxCode::kBadSignature;
  }
  const bool valid = VerifySignature(request.signer.value_or(request.developer).value,
                                     RequestSigningHash(request), *assignment.developer_signature);
  return valid ? TxCode::kOk : TxCode::kBadSignature;
}

TxCode ChargeOrder(BlockState& state, const Request& request, Amount escrow) {
  return request.signer ? ChargeDelegated(state, *request.signer, escrow) : TxCode::kOk;
}

void ReturnOrder(BlockState& state, const Request& request, Amount unused) {
  if (!request.signer || unused == Amount(0)) return;
  const Key key = keys::OfDelegation(*request.signer);
  const Delegation* delegation = state.delegations.Find(key);
  if (delegation == nullptr || delegation->account != request.developer) return;
  const Amount room = Amount(Amount::kMax) - delegation->cap;
  state.delegations.Change(key).cap += std::min(unused, room);
}

std::optional<PublicKey> SigningKey(const AccountId& account, const Participant* participant,
                                    uint64_t height, const Hash& hash, const Signature& signature) {
  const auto is_signer = [&](const AccountId& key) {
    return VerifySignature(key.value, hash, signature);
  };
  if (participant != nullptr) {
    for (auto key = participant->node_keys.rbegin(); key != participant->node_keys.rend(); ++key) {
      if (key->until >= height && is_signer(key->key)) return key->key.value;
    }
  }
  if (is_signer(account)) return account.value;
  return std::nullopt;
}

bool IsSignedFor(BlockState& state, const AccountId& account, const Hash& hash,
                 const Signature& signature) {
  const Participant* participant = state.participants.Find(keys::OfParticipant(account));
  return SigningKey(account, participant, state.height(), hash, signature).has_value();
}

void EndDelegations(BlockState& state) {
  const Key end = Key('z').AddNumber(state.height() + 1);
  for (const Key& index_key : state.index.Keys(Key('z'), SIZE_MAX, &end)) {
    KeyReader reader(index_key.span());
    reader.NextNumber();
    const AccountId warm{reader.NextHash()};
    const Delegation& delegation = state.delegations.Get(keys::OfDelegation(warm));
    const AccountId account = delegation.account;
    if (delegation.speaks) RetireNodeKey(state, account, warm);
    if (!delegation.revoked) state.Tell(KeyRevoked{.account = account, .key = warm});
    --state.accounts.Change(keys::Of(account)).delegations;
    state.delegations.Erase(keys::OfDelegation(warm));
    state.index.Erase(index_key);
  }
}

}  // namespace gonka::ledger
