#pragma once

// Looking into an epoch's table.

#include <optional>
#include <span>
#include <vector>

#include "gonka/ledger/state.h"

namespace gonka::ledger {

std::optional<size_t> MemberIndex(const EpochTable& table, const AccountId& id);
bool Serves(const Member& member, const ModelId& model);
// The draw weight of every member, in order: zero for who does not serve the model.
std::vector<uint64_t> WeightsServing(const EpochTable& table, const ModelId& model);
// The same with those named set to zero.
std::vector<uint64_t> WeightsServingBut(const EpochTable& table, const ModelId& model,
                                        std::span<const AccountId> excluded);
// Is there anybody with weight who serves the model, but for this one?
bool SomeoneElseServes(const EpochTable& table, const ModelId& model, const AccountId& but);
size_t CountServingBut(const EpochTable& table, const ModelId& model, const AccountId& but);

}  // namespace gonka::ledger
