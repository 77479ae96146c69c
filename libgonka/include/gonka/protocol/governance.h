#pragma once

// Changes to the network that its participants decide on by weight: models, parameters, rules. A
// change is proposed against a deposit, passes with more than half of all weight, and acts from the
// first epoch that begins at or after its height.

#include "gonka/protocol/genesis.h"

namespace gonka {

// A new model, or new terms for one that is known by this id.
struct RegisterModel {
  static constexpr const char* kName = "register_model";
  ModelInfo model;
  GONKA_FIELDS(RegisterModel, model)
};

// One parameter by its path in Params, such as "check.rate_floor"; amounts and ratios in base units
// and parts per million.
struct ParamChange {
  Text<64> name;
  int64_t value = 0;
  GONKA_FIELDS(ParamChange, name, value)
};
struct ChangeParams {
  static constexpr const char* kName = "change_params";
  List<ParamChange, 32> changes;  // At least one; no name twice.
  GONKA_FIELDS(ChangeParams, changes)
};

// Blocks from there on follow this version of the rules. A program that does not know it stops
// before the block instead of guessing.
struct ChangeRules {
  static constexpr const char* kName = "change_rules";
  uint32_t version = 0;  // Above the one in force.
  GONKA_FIELDS(ChangeRules, version)
};

// The order is on the wire: new ones at the end.
using Change = std::variant<RegisterModel, ChangeParams, ChangeRules>;

// By any account that can pay the deposit.
struct Propose {
  static constexpr const char* kName = "propose";
  Change change;
  // Acts in the first block of the first epoch that begins at this height or later. At least
  // governance.notice_blocks after the end of the vote.
  uint64_t activate_height = 0;
  Text<1'024> reason;  // For people: what it is good for, or where that is discussed.
  GONKA_FIELDS(Propose, change, activate_height, reason)
};

// By a member of the epoch in which it was proposed. The last word counts until the vote ends.
struct VoteProposal {
  static constexpr const char* kName = "vote_proposal";
  uint64_t proposal = 0;
  bool approve = false;
  GONKA_FIELDS(VoteProposal, proposal, approve)
};

// Sets the parameter at this path; nothing where there is none of that name, or the value does not
// fit its type.
absl::Status SetParam(Params& params, const ParamChange& change);
// All of them by path, with their values, in the order of the record.
std::vector<ParamChange> ListParams(const Params& params);

}  // namespace gonka
