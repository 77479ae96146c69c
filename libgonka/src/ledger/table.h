#pragma once

// The writes of one block to one kind of value, over the view: reads are decoded once, changes can
// be taken back event by event.

#include <map>
#include <memory_resource>
#include <optional>
#include <vector>

#include "gonka/ledger/view.h"
#include "gonka/protocol/block.h"
#include "ledger/keys.h"
#include "ledger/stored.h"

namespace gonka::ledger {

template <class T>
class Table {
 public:
  explicit Table(const View& view) : view_(view) {}

  // Lives as long as the table; shows later changes.
  const T* Find(const Key& key) {
    const Slot& slot = Load(key);
    return slot.value ? &*slot.value : nullptr;
  }
  const T& Get(const Key& key) {
    const T* value = Find(key);
    GONKA_CHECK(value != nullptr);
    return *value;
  }
  // Of what is there. The reference lives until the event ends or the key is erased.
  T& Change(const Key& key) {
    Slot& slot = Load(key);
    GONKA_CHECK(slot.value.has_value());
    Save(slot);
    slot.changed = true;
    return *slot.value;
  }
  // What is there, or a new one.
  T& Ensure(const Key& key) {
    Slot& slot = Load(key);
    Save(slot);
    slot.changed = true;
    if (!slot.value) slot.value.emplace();
    return *slot.value;
  }
  T& Put(const Key& key, T value) {
    T& slot = Ensure(key);
    slot = std::move(value);
    return slot;
  }
  // Spares the look-up where the caller knows that the view does not have the key.
  T& PutNew(const Key& key, T value) {
    Slot& slot = slots_[key];
    GONKA_CHECK(!slot.value);
    Save(slot);
    slot.changed = true;
    slot.value = std::move(value);
    return *slot.value;
  }
  void Erase(const Key& key) {
    Slot& slot = Load(key);
    if (!slot.value) return;
    Save(slot);
    slot.changed = true;
    slot.value.reset();
  }

  // The keys that start with prefix, of view and block together, ascending: at most limit of them,
  // and only those below end where it is given.
  std::vector<Key> Keys(const Key& prefix, size_t limit = SIZE_MAX, const Key* end = nullptr) const;

  void Keep() {
    saved_.clear();
    ++event_;
  }
  void TakeBack() {
    for (auto saved = saved_.rbegin(); saved != saved_.rend(); ++saved) {
      Slot& slot = *saved->slot;
      if (saved->as_in_view) {
        slot.value = DecodeStored<T>(slot.stored);
      } else {
        slot.value = std::move(saved->value);
      }
      slot.changed = saved->changed;
    }
    Keep();
  }
  // Appends the block's writes, ascending by key.
  void Collect(std::vector<StateWrite>& writes) const {
    for (const auto& [key, slot] : slots_) {
      if (!slot.changed || (!slot.value && !slot.in_view)) continue;
      StateWrite write{.key = ToBytes(key.span()), .value = {}};
      if (slot.value) {
        Bytes value = EncodeStored(*slot.value);
        // Which rules have touched a record is nobody's business and must not go into a hash.
        if (slot.in_view && value == slot.stored) continue;
        write.value = std::move(value);
      }
      writes.push_back(std::move(write));
    }
  }

 private:
  struct Slot {
    std::optional<T> value;
    bool in_view = false;
    Bytes stored;  // In the view.
    bool changed = false;
    uint64_t saved_in = 0;  // The event before which it was last saved.
  };
  struct Saved {
    Slot* slot;
    bool as_in_view;  // The value is what slot->stored says: it need not be copied.
    std::optional<T> value;
    bool changed;
  };

  Slot& Load(const Key& key) {
    const auto [position, is_new] = slots_.try_emplace(key);
    Slot& slot = position->second;
    if (!is_new) return slot;
    if (std::optional<Bytes> bytes = view_.Get(key.span())) {
      slot.value = DecodeStored<T>(*bytes);
      slot.in_view = true;
      slot.stored = *std::move(bytes);
    }
    return slot;
  }
  void Save(Slot& slot) {
    if (slot.saved_in == event_) return;
    slot.saved_in = event_;
    const bool as_in_view = slot.in_view && !slot.changed;
    saved_.push_back({&slot, as_in_view, {}, slot.changed});
    if (!as_in_view) saved_.back().value = slot.value;
  }

  const View& view_;
  std::pmr::monotonic_buffer_resource arena_;  // All slots live as long as the block.
  std::pmr::map<Key, Slot> slots_{&arena_};
  std::vector<Saved> saved_;
  uint64_t event_ = 1;
};

template <class T>
std::vector<Key> Table<T>::Keys(const Key& prefix, size_t limit, const Key* end) const {
  std::vector<Key> keys;
  auto own = slots_.lower_bound(prefix);
  // The block's slots decide about their keys, the view about all others.
  const auto take_own_below = [&](const Key* bound) {
    for (; own != slots_.end() && own->first.StartsWith(prefix) && keys.size() < limit; ++own) {
      if ((bound != nullptr && !(own->first < *bound)) || (end != nullptr && !(own->first < *end)))
        return;
      if (own->second.value) keys.push_back(own->first);
    }
  };
  view_.Scan(prefix.span(), prefix.span(), [&](ByteSpan bytes, ByteSpan) {
    const Key key = Key::FromBytes(bytes);
    if (end != nullptr && !(key < *end)) return false;
    take_own_below(&key);
    if (keys.size() < limit && !slots_.contains(key)) keys.push_back(key);
    return keys.size() < limit;
  });
  take_own_below(nullptr);
  return keys;
}

}  // namespace gonka::ledger
