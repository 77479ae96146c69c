#pragma once

// A view with some entries changed.

#include <algorithm>
#include <map>

#include "gonka/ledger/view.h"

namespace gonka::ledger {

class Overlay final : public View {
 public:
  struct BytesLess {
    using is_transparent = void;
    bool operator()(ByteSpan a, ByteSpan b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  // Nothing where the entry is gone.
  using Changes = std::map<Bytes, std::optional<Bytes>, BytesLess>;

  // The view must outlive it.
  explicit Overlay(const View& view, Changes changes = {})
      : view_(view), changes_(std::move(changes)) {}

  void Set(const Bytes& key, std::optional<Bytes> value) {
    changes_.insert_or_assign(key, std::move(value));
  }

  std::optional<Bytes> Get(ByteSpan key) const override;
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan key, ByteSpan value)>& visit) const override;

 private:
  const View& view_;
  Changes changes_;
};

}  // namespace gonka::ledger
