#pragma once

// A cold account key stays in a drawer; warm keys act for it, each within what was delegated to it.
// doc/protocol.md, "Who may sign what", is the whole rule.
//
// A transaction that is signed by a warm key says in acts_for for whom it acts. What participants
// and developers sign outside of transactions (assignments, accepts, deliveries, requests) may be
// signed by a warm key with `speaks` or `orders`.

#include "gonka/base/amount.h"
#include "gonka/protocol/ids.h"

namespace gonka {

// By the account, with its own key. A second one for the same key replaces what it may do.
struct Delegate {
  static constexpr const char* kName = "delegate";
  AccountId key;        // The warm key. It acts for one account at a time.
  uint64_t events = 0;  // Bit i: may send the event with tag i for the account.
  // Node key of a participant: other nodes seal their calls to it, and its signature counts as the
  // participant's under assignments, accepts, refusals, deliveries and scores. There is one at a
  // time: a new one takes over from the one before.
  bool speaks = false;
  bool orders = false;  // Sub-account: its signature counts as the developer's under requests.
  Amount cap;           // Coins that it may commit, all told: by its events and by its requests.
  uint64_t expires_height = 0;        // The last block in which it may do anything.
  std::optional<AccountId> replaces;  // Revoked along with it: rotation in one event.
  GONKA_FIELDS(Delegate, key, events, speaks, orders, cap, expires_height, replaces)
};

// By the account, with its own key. Ends transactions of the warm key at once. What it has signed
// outside of transactions is honoured for grace_blocks more, so that work on its way is paid.
struct Revoke {
  static constexpr const char* kName = "revoke";
  AccountId key;
  GONKA_FIELDS(Revoke, key)
};

// The sub-account of an API key: whoever serves the key signs requests with this key pair.
KeyPair ApiKeyPair(ByteSpan api_key);

}  // namespace gonka
