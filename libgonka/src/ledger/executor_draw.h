#pragma once

// Who executes: queries.h (DrawExecutor) has the rule.

#include <variant>

#include "gonka/ledger/state.h"
#include "gonka/protocol/tx.h"
#include "gonka/select/weight_table.h"

namespace gonka::ledger {

struct ExecutorDraw {
  const EpochTable& table;
  const ModelId& model;
  const select::WeightTable& serving;  // Of those members who serve the model.
  const Hash& salt;
  const AccountId& developer;
  const AccountId& ta;
  uint64_t sequence = 0;
};

// The places in the table of the executors of attempts 0 to attempt, or why there are none.
std::variant<std::vector<size_t>, TxCode> DrawExecutors(const ExecutorDraw& draw, uint8_t attempt);

}  // namespace gonka::ledger
