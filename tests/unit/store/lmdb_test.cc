// What only a disk can do to us: restarts, kills, cut files, second processes.

#include <doctest/doctest.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Database> Open(const std::string& directory) {
  auto database = Database::OpenLmdb(directory, kNoSync);
  INFO(ToString(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

std::string Get(const ledger::View& view, std::string_view key) {
  const auto value = view.Get(AsBytes(key));
  return value ? std::string(AsText(*value)) : "-";
}

// Writes its height under two keys, with something bulky between.
ToyBlock BlockOfHeight(ToyLedger& toy, uint64_t height) {
  const std::string text = std::to_string(height);
  const std::string bulk(20'000, static_cast<char>('a' + height % 26));
  return toy.Next({toy.Put("a", text), toy.Put("b", bulk), toy.Put("z", text)});
}

void Fill(const std::string& directory, uint64_t blocks) {
  ToyLedger toy;
  const auto database = Open(directory);
  REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
  for (uint64_t height = 1; height <= blocks; ++height) {
    const ToyBlock made = BlockOfHeight(toy, height);
    REQUIRE(database->CommitBlock(made.block, made.result).ok());
  }
}

TEST_CASE("what was committed is there after a restart, and the chain goes on") {
  const TempDirectory directory;
  ToyLedger toy;
  {
    const auto database = Open(directory.path() + "/made/on/the/way");
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    const ToyBlock first = BlockOfHeight(toy, 1);
    REQUIRE(database->CommitBlock(first.block, first.result).ok());
  }
  const auto database = Open(directory.path() + "/made/on/the/way");
  CHECK((*database->Snapshot())->height() == 1);
  const ToyBlock second = BlockOfHeight(toy, 2);
  CHECK(database->CommitBlock(second.block, second.result).ok());
  CHECK(Get(**database->Snapshot(), "z") == "2");
}

TEST_CASE("a copy of the file taken between commits is a whole block") {
  const TempDirectory directory;
  const TempDirectory copy;
  Fill(directory.path(), 7);
  const auto database = Open(directory.path());  // Still open: nothing is flushed by closing.
  fs::copy_file(directory.path() + "/data.mdb", copy.path() + "/data.mdb");
  const SnapshotPtr snapshot = *Open(copy.path())->Snapshot();
  CHECK(snapshot->height() == 7);
  CHECK(Get(*snapshot, "z") == "7");
}

TEST_CASE("a process killed in the midst of its commits restarts at a whole block") {
  for (int round = 0; round < 5; ++round) {
    const TempDirectory directory;
    int progress[2];
    REQUIRE(pipe(progress) == 0);
    const pid_t child = fork();
    if (child == 0) {
      ToyLedger toy;
      auto database = Database::OpenLmdb(directory.path(), kNoSync);
      if (!database.ok()) _exit(1);
      if (!(*database)->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok()) _exit(1);
      for (uint64_t height = 1;; ++height) {
        const ToyBlock made = BlockOfHeight(toy, height);
        if (!(*database)->CommitBlock(made.block, made.result).ok()) _exit(1);
        const uint8_t byte = 0;
        if (write(progress[1], &byte, 1) != 1) _exit(1);
      }
    }
    REQUIRE(child > 0);
    close(progress[1]);
    uint64_t committed = 0;
    uint8_t byte = 0;
    while (committed < static_cast<uint64_t>(3 + 4 * round) && read(progress[0], &byte, 1) == 1) {
      ++committed;
    }
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    while (read(progress[0], &byte, 1) == 1) ++committed;
    close(progress[0]);

    const auto database = Open(directory.path());
    const SnapshotPtr snapshot = *database->Snapshot();
    const uint64_t height = snapshot->height();
    CHECK(height >= committed);  // One more where the kill came before the word of it.
    CHECK(height <= committed + 1);
    CHECK(Get(*snapshot, "a") == std::to_string(height));
    CHECK(Get(*snapshot, "z") == std::to_string(height));
    ToyLedger toy;  // The same blocks again, up to there: the next one fits.
    toy.GenesisResult();
    for (uint64_t i = 1; i <= height; ++i) BlockOfHeight(toy, i);
    const ToyBlock next = BlockOfHeight(toy, height + 1);
    CHECK(database->CommitBlock(next.block, next.result).ok());
  }
}

TEST_CASE("a second opener is refused and told who has the directory") {
  const TempDirectory directory;
  const auto database = Open(directory.path());
  const auto second = Database::OpenLmdb(directory.path());
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(second.status()) ==
        fmt::format("data directory {} is in use by process {}", directory.path(), getpid()));
}

TEST_CASE("a second process is refused") {
  const TempDirectory directory;
  const auto database = Open(directory.path());
  const pid_t child = fork();
  if (child == 0) {
    const auto second = Database::OpenLmdb(directory.path());
    _exit(second.status().code() == absl::StatusCode::kFailedPrecondition ? 42 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("a cut file is an error that says so, wherever it was cut, and never a crash") {
  const TempDirectory directory;
  Fill(directory.path(), 30);
  const std::string file = directory.path() + "/data.mdb";
  const uint64_t whole = fs::file_size(file);
  const TempDirectory keep;
  fs::copy_file(file, keep.path() + "/whole");
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{1}, uint64_t{4'096}, uint64_t{8'191}, uint64_t{8'192}, whole / 3,
        whole / 2 + 17, whole - 4'096, whole - 1}) {
    CAPTURE(size);
    fs::copy_file(keep.path() + "/whole", file, fs::copy_options::overwrite_existing);
    fs::resize_file(file, size);
    const auto database = Database::OpenLmdb(directory.path());
    CHECK(database.status().code() == absl::StatusCode::kDataLoss);
    CHECK(Message(database.status()).find(file) != std::string::npos);
    CHECK(Message(database.status()).find(fmt::format("{} bytes", size)) != std::string::npos);
    CHECK(fs::file_size(file) == size);  // As it was found.
  }
  fs::copy_file(keep.path() + "/whole", file, fs::copy_options::overwrite_existing);
  CHECK((*Open(directory.path())->Snapshot())->height() == 30);
}

TEST_CASE("a file that is gone from a used directory is no fresh start") {
  const TempDirectory directory;
  Fill(directory.path(), 1);
  fs::remove(directory.path() + "/data.mdb");
  const auto database = Database::OpenLmdb(directory.path());
  CHECK(database.status().code() == absl::StatusCode::kDataLoss);
  CHECK(Message(database.status()).find("is gone") != std::string::npos);
}

TEST_CASE("a first start that was cut off can be repeated") {
  const TempDirectory directory;
  std::ofstream(directory.path() + "/data.mdb") << "half a page";
  CHECK(Database::OpenLmdb(directory.path()).ok());
}

TEST_CASE("a file of something else is refused") {
  const TempDirectory directory;
  std::ofstream(directory.path() + "/data.mdb") << std::string(100'000, 'x');
  const auto database = Database::OpenLmdb(directory.path());
  CHECK(database.status().code() == absl::StatusCode::kDataLoss);
  CHECK(Message(database.status()).find(directory.path()) != std::string::npos);
}

TEST_CASE("a full map refuses the block, names the file, and loses nothing") {
  const TempDirectory directory;
  auto opened = Database::OpenLmdb(directory.path(), {.map_size = 1 << 20, .sync = false});
  REQUIRE(opened.ok());
  const auto database = *std::move(opened);
  ToyLedger toy;
  REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
  absl::Status status;
  uint64_t height = 0;
  while (status.ok()) {
    const ToyBlock made = BlockOfHeight(toy, height + 1);
    status = database->CommitBlock(made.block, made.result);
    if (status.ok()) ++height;
    REQUIRE(height < 1'000);
  }
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Message(status).find(directory.path()) != std::string::npos);
  CHECK(Get(**database->Snapshot(), "z") == std::to_string(height));
}

TEST_CASE("snapshots are bounded, and one that goes makes room") {
  const TempDirectory directory;
  auto opened = Database::OpenLmdb(directory.path(), {.readers_max = 8, .sync = false});
  REQUIRE(opened.ok());
  ToyLedger toy;
  REQUIRE((*opened)->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
  std::vector<SnapshotPtr> held;
  absl::StatusOr<SnapshotPtr> snapshot = (*opened)->Snapshot();
  while (snapshot.ok() && held.size() < 100) {
    held.push_back(*snapshot);
    snapshot = (*opened)->Snapshot();
  }
  CHECK(held.size() == 8);
  CHECK(snapshot.status().code() == absl::StatusCode::kResourceExhausted);
  held.pop_back();
  CHECK((*opened)->Snapshot().ok());
}

// A handle on the bare file, to bring it into states that the store itself reaches only by chance.
class BareFile {
 public:
  explicit BareFile(const std::string& directory) {
    mdb_env_create(&env_);
    mdb_env_set_maxdbs(env_, 8);
    mdb_env_set_mapsize(env_, 1 << 26);
    REQUIRE(mdb_env_open(env_, directory.c_str(), MDB_NOSYNC, 0600) == 0);
  }
  ~BareFile() { mdb_env_close(env_); }

  void Begin(const char* table) {
    REQUIRE(mdb_txn_begin(env_, nullptr, 0, &txn_) == 0);
    REQUIRE(mdb_dbi_open(txn_, table, MDB_CREATE, &table_) == 0);
  }
  void Put(std::string key, std::string value) {
    MDB_val k{key.size(), key.data()};
    MDB_val v{value.size(), value.data()};
    REQUIRE(mdb_put(txn_, table_, &k, &v, 0) == 0);
  }
  void Delete(std::string key) {
    MDB_val k{key.size(), key.data()};
    const int rc = mdb_del(txn_, table_, &k, nullptr);
    REQUIRE((rc == 0 || rc == MDB_NOTFOUND));
  }
  void Commit() { REQUIRE(mdb_txn_commit(txn_) == 0); }
  uint64_t BytesTaken() const {
    MDB_envinfo info;
    mdb_env_info(env_, &info);
    return (info.me_last_pgno + 1) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }

 private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi table_ = 0;
};

TEST_CASE("another format is refused before anything is decoded") {
  const TempDirectory directory;
  Fill(directory.path(), 1);
  {
    BareFile file(directory.path());
    file.Begin("meta");
    file.Put("format", std::string("\x63\0\0\0", 4));
    file.Put("tip", "nonsense");
    file.Commit();
  }
  const auto database = Database::OpenLmdb(directory.path());
  CHECK(database.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(database.status()).find("has format 63000000") != std::string::npos);
}

// Puts and deletes at random; whether the file's last pages were written is up to LMDB.
void Churn(BareFile& file, std::mt19937& random) {
  file.Begin("other");
  const uint32_t puts = random() % 2 == 0 ? 0 : 2;  // Of four.
  const uint32_t count = 1 + random() % 300;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string key = fmt::format("{:03}", random() % 500);
    if (puts == 0 || random() % 4 < puts) {
      file.Delete(key);
    } else {
      file.Put(key, std::string(random() % 4 == 0 ? random() % 60'000 : 1'500, 'x'));
    }
  }
  file.Commit();
}

TEST_CASE("pages that were freed before they were ever written are no truncation") {
  const TempDirectory directory;
  const std::string data = directory.path() + "/data.mdb";
  uint64_t taken = 0;
  {
    BareFile file(directory.path());
    std::mt19937 random(2);
    for (int i = 0; i < 1'000 && fs::file_size(data) >= taken; ++i) {
      Churn(file, random);
      taken = file.BytesTaken();
    }
  }
  REQUIRE(fs::file_size(data) < taken);
  {
    const auto database = Database::OpenLmdb(directory.path());
    INFO(ToString(database.status()));
    CHECK(database.ok());
  }
  CHECK(fs::file_size(data) >= taken);
}

}  // namespace
}  // namespace gonka::store
