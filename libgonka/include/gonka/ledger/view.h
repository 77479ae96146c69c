#pragma once

// The ledger's state as the rules see it: a sorted map from bytes to bytes, read only. The store
// implements it over LMDB and over memory; the ledger layers its own writes above it.

#include <functional>
#include <optional>

#include "gonka/base/bytes.h"

namespace gonka::ledger {

class View {
 public:
  virtual ~View() = default;
  virtual std::optional<Bytes> Get(ByteSpan key) const = 0;
  // Visits the keys that start with prefix and are not below from, ascending (bytewise), until
  // visit returns false. The spans live until visit returns.
  virtual void Scan(ByteSpan prefix, ByteSpan from,
                    const std::function<bool(ByteSpan key, ByteSpan value)>& visit) const = 0;
};

}  // namespace gonka::ledger
