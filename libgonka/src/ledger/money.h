#pragma once

// The only way in which coins move: out of one purse into another, on the books of both. Whoever
// moves coins in another way breaks the conservation check of the next block.

#include "ledger/block_state.h"

namespace gonka::ledger {

struct Purse {
  Amount* coins = nullptr;  // Null where the pot of the totals is all there is.
  Amount Totals::*pot;
};

inline Purse BalanceOf(Account& account) {
  return {&account.balance, &Totals::balances};
}
inline Purse AvailableIn(Allowance& allowance) {
  return {&allowance.available, &Totals::allowances};
}
inline Purse EscrowIn(InferenceRecord& record) {
  return {&record.escrow, &Totals::escrows};
}
inline Purse HeldBy(InferenceRecord& record) {
  return {&record.held, &Totals::held};
}
inline Purse CollateralOf(Participant& participant) {
  return {&participant.collateral, &Totals::collateral};
}
inline Purse UnbondingIn(Unbonding& unbonding) {
  return {&unbonding.amount, &Totals::unbonding};
}
inline Purse BondOf(Case& open) {
  return {&open.bond, &Totals::bonds};
}
inline Purse DepositOf(Proposal& proposal) {
  return {&proposal.deposit, &Totals::deposits};
}
inline Purse Treasury() {
  return {nullptr, &Totals::treasury};
}
inline Purse Burned() {
  return {nullptr, &Totals::burned};
}

// from must hold that much; test before where it is input.
void Move(BlockState& state, Purse from, Purse to, Amount amount);
// New coins.
void Mint(BlockState& state, Purse to, Amount amount);
// The account is made where it does not exist yet.
void MoveToAccount(BlockState& state, Purse from, const AccountId& to, Amount amount);

// minted + genesis = the sum of all pots.
bool IsConserved(const Totals& totals);

}  // namespace gonka::ledger
