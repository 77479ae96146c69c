#pragma once

// A disk that fails at a chosen step. The calls with which LMDB changes a file (pwrite, write,
// writev, fdatasync, ftruncate) are replaced in the whole test program; they pass through until
// something else is asked for. One thread at a time.

#include <cstdint>

namespace gonka {

enum class DiskFault {
  kNone,
  kKill,      // The process ends as by SIGKILL, before the step.
  kKillTorn,  // The process ends amid the step: the first half of it, in whole sectors, is done.
  kFull,      // The step and all later ones that need room fail with ENOSPC.
};

// Steps are counted from 1, beginning now.
void FailDisk(DiskFault fault, uint64_t at_step);
// Steps since the last FailDisk.
uint64_t DiskSteps();

}  // namespace gonka
