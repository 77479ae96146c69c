#pragma once

// The disk under Database::InMemory, for simulations: what a process wrote outlives it, a power
// failure tears off what was not synced yet, and it can be full.
//
//   MemoryDisk disk;
//   disk.SyncEvery(4);
//   auto database = Database::InMemory(disk);   // ... and commits
//   database.reset();                           // The process is gone; all of it is still there.
//   disk.LoseUnsynced(1);                       // So was the power: one unsynced write survives.
//   database = Database::InMemory(disk);        // Starts at a whole block, some blocks back.
//
// Any thread may call anything, LoseUnsynced only while no database is open on it.

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gonka::store {

struct MemoryTables;

class MemoryDisk {
 public:
  MemoryDisk();
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  // Every how many-th write is synced, with those before it. 1: each; 0: none, until Sync.
  void SyncEvery(uint32_t writes);
  void Sync();
  size_t unsynced() const;  // Writes; each is there whole or not at all.
  // The power fails: of the unsynced writes the first `kept` survive.
  void LoseUnsynced(size_t kept);
  // Every write fails with kResourceExhausted and changes nothing.
  void SetFull(bool full);

  // For the database.
  const std::shared_ptr<MemoryTables>& tables() const { return tables_; }

 private:
  const std::shared_ptr<MemoryTables> tables_;
};

}  // namespace gonka::store
