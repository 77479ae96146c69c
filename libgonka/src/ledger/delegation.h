#pragma once

// What warm keys may do for accounts, and whose signature counts as whose. doc/protocol.md, "Who
// may sign what".

#include "ledger/block_state.h"

namespace gonka::ledger {

// Whether the key may send this event for the account now.
TxCode CheckDelegated(BlockState& state, const AccountId& key, const AccountId& account,
                      const Event& event);
Amount CapOf(BlockState& state, const AccountId& key);
// Takes what the event cost the account out of the key's cap.
TxCode ChargeDelegated(BlockState& state, const AccountId& key, Amount spent);

// Whether the developer has ordered this: by its signature, that of a sub-account, or an API key.
// delegation is the signer's, where the request names one.
TxCode CheckDeveloper(const Allowance& allowance, const Delegation* delegation,
                      const Assignment& assignment, uint64_t height);
// Takes the escrow out of a sub-account's cap; gives back what is unused.
TxCode ChargeOrder(BlockState& state, const Request& request, Amount escrow);
void ReturnOrder(BlockState& state, const Request& request, Amount unused);

// The key whose signature this is, if it counts as the account's in a block of this height: its
// own, or one that speaks for it. participant is null where the account is none.
std::optional<PublicKey> SigningKey(const AccountId& account, const Participant* participant,
                                    uint64_t height, const Hash& hash, const Signature& signature);
bool IsSignedFor(BlockState& state, const AccountId& account, const Hash& hash,
                 const Signature& signature);

// The key that speaks for the participant now, if one does.
const NodeKey* NodeKeyInUse(const Participant& participant);

// At the end of a block: forgets delegations whose time is up.
void EndDelegations(BlockState& state);

}  // namespace gonka::ledger
