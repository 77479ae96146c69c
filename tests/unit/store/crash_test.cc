// Every point at which a commit touches the disk, and what is there when the process ends, or the
// disk is full, exactly then.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/store/failing_disk.h"
#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlocks = 3;  // On disk before the commit that goes wrong.

struct Walk {
  const char* name;
  DiskFault fault;
  bool sync;
};
const Walk kWalks[] = {{"killed before a step", DiskFault::kKill, false},
                       {"killed amid a step", DiskFault::kKillTorn, false},
                       {"killed before a step, with fdatasync", DiskFault::kKill, true}};

// The same blocks for whoever asks. The bulk makes LMDB write overflow pages, too.
class Blocks {
 public:
  ToyBlock Next() {
    const std::string text = std::to_string(++height_);
    const std::string bulk(30'000, static_cast<char>('a' + height_ % 26));
    return toy_.Next({toy_.Put("a", text), toy_.Put("b", bulk), toy_.Put("z", text)});
  }
  void Skip(uint64_t count) {
    toy_.GenesisResult();
    for (uint64_t i = 0; i < count; ++i) Next();
  }
  ToyLedger& toy() { return toy_; }

 private:
  ToyLedger toy_;
  uint64_t height_ = 0;
};

std::unique_ptr<Database> Open(const std::string& directory, bool sync = false) {
  auto database = Database::OpenLmdb(directory, {.sync = sync});
  INFO(ToString(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

void Fill(const std::string& directory) {
  Blocks blocks;
  const auto database = Open(directory);
  REQUIRE(database->CommitGenesis(blocks.toy().genesis(), blocks.toy().GenesisResult()).ok());
  for (uint64_t i = 0; i < kBlocks; ++i) {
    const ToyBlock made = blocks.Next();
    REQUIRE(database->CommitBlock(made.block, made.result).ok());
  }
}

std::string Get(const ledger::View& view, std::string_view key) {
  const auto value = view.Get(AsBytes(key));
  return value ? std::string(AsText(*value)) : "-";
}

// Runs work in a child that is killed at a step; false where it came through.
bool IsKilled(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return false;
}

// The directory is at a whole block, readable to the end, and the chain goes on.
uint64_t CheckWhole(const std::string& directory) {
  const auto database = Open(directory);
  const SnapshotPtr snapshot = *database->Snapshot();
  const uint64_t height = snapshot->height();
  const std::string text = std::to_string(height);
  CHECK(Get(*snapshot, "a") == (height == 0 ? "-" : text));
  CHECK(Get(*snapshot, "z") == (height == 0 ? "-" : text));
  CHECK(snapshot->GetLeaves(height).ok());
  CHECK_FALSE(snapshot->GetInfo(height + 1).ok());
  if (height > 0) {
    CHECK(Get(*snapshot, "b") == std::string(30'000, static_cast<char>('a' + height % 26)));
    CHECK(HashOf(snapshot->GetBlock(height)->header) == snapshot->tip().hash);
  }
  Blocks blocks;
  blocks.Skip(height);
  const ToyBlock next = blocks.Next();
  CHECK(database->CommitBlock(next.block, next.result).ok());
  CHECK(Get(**database->Snapshot(), "z") == std::to_string(height + 1));
  return height;
}

TEST_CASE("a process killed at any step of a commit restarts at the block before or after") {
  const TempDirectory filled;
  Fill(filled.path());
  for (const Walk& walk : kWalks) {
    CAPTURE(walk.name);
    uint64_t last = 0;
    bool killed = true;
    uint64_t step = 0;
    while (killed) {
      ++step;
      CAPTURE(step);
      REQUIRE(step < 1'000);
      const TempDirectory directory;
      fs::copy(filled.path(), directory.path(),
               fs::copy_options::recursive | fs::copy_options::overwrite_existing);
      killed = IsKilled([&] {
        Blocks blocks;
        blocks.Skip(kBlocks);
        const ToyBlock made = blocks.Next();
        const auto database = Database::OpenLmdb(directory.path(), {.sync = walk.sync});
        if (!database.ok()) return false;
        FailDisk(walk.fault, step);
        return (*database)->CommitBlock(made.block, made.result).ok();
      });
      const uint64_t height = CheckWhole(directory.path());
      CHECK(height >= kBlocks);
      CHECK(height <= kBlocks + 1);
      CHECK(height >= last);  // Once a step has made the block durable, later ones do not undo it.
      last = height;
    }
    CHECK(last == kBlocks + 1);
    CHECK(step >= (walk.sync ? 4 : 3));  // Pages, the meta page, one that came through.
  }
}

TEST_CASE("a process killed at any step of the first start starts again") {
  bool killed = true;
  uint64_t step = 0;
  while (killed) {
    ++step;
    CAPTURE(step);
    REQUIRE(step < 1'000);
    const TempDirectory directory;
    const auto start = [&] {
      Blocks blocks;
      const auto database = Database::OpenLmdb(directory.path(), {.sync = false});
      if (!database.ok()) return false;
      if ((*database)->ReadTip()->has_value()) return true;
      return (*database)->CommitGenesis(blocks.toy().genesis(), blocks.toy().GenesisResult()).ok();
    };
    killed = IsKilled([&] {
      FailDisk(DiskFault::kKill, step);
      return start();
    });
    CHECK(start());
    CHECK(CheckWhole(directory.path()) == 0);
  }
  CHECK(step >= 6);
}

TEST_CASE("a disk that is full at any step refuses the block and goes on when there is room") {
  uint64_t step = 0;
  uint64_t refused = 0;
  uint64_t went_on = 0;
  for (bool came_through = false; !came_through;) {
    ++step;
    CAPTURE(step);
    REQUIRE(step < 1'000);
    const TempDirectory directory;
    Fill(directory.path());
    Blocks blocks;
    blocks.Skip(kBlocks);
    const ToyBlock made = blocks.Next();
    auto database = Open(directory.path());
    FailDisk(DiskFault::kFull, step);
    const absl::Status status = database->CommitBlock(made.block, made.result);
    came_through = DiskSteps() < step;
    FailDisk(DiskFault::kNone, 0);
    CHECK(status.ok() == came_through);
    if (status.ok()) continue;
    ++refused;
    INFO(Message(status));
    CHECK(Message(status).find(directory.path()) != std::string::npos);
    CHECK(status.code() == absl::StatusCode::kResourceExhausted);
    const auto snapshot = database->Snapshot();
    if (snapshot.ok()) {
      CHECK(Get(**snapshot, "z") == std::to_string(kBlocks));
      CHECK(database->CommitBlock(made.block, made.result).ok());
      ++went_on;
    } else {
      // The meta page itself could not be written, and LMDB trusts its map no more: a restart.
      CHECK(Message(snapshot.status()).find("restart") != std::string::npos);
      database.reset();
      CHECK(CheckWhole(directory.path()) == kBlocks);
    }
  }
  CHECK(refused >= 2);
  CHECK(went_on >= 1);
}

}  // namespace
}  // namespace gonka::store
