// What an auditor sees who is handed a copy of a data directory.

#include <lmdb.h>

#include <fstream>

#include "gonka/consensus/replay.h"
#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

namespace fs = std::filesystem;

const ReplayOptions kAudit{.until = UINT64_MAX,
                               .check_invariants = false,
                               .check_invariants_by_epoch = true,
                               .check_recording = true};
constexpr store::LmdbOptions kReadOnly{.map_size = 1 << 30, .read_only = true};

// A network's directory after 60 blocks with transfers, allowances and a refusal.
void Record(const std::string& directory) {
  const SmallNetwork network({.crowd = 10});
  const auto chain = network.DiskChain(directory);
  const auto sequencer = network.MakeSequencer(*chain);
  for (uint64_t i = 0; i < 60; ++i) {
    Submit(*chain, network.TransferTx(0, i, i == 7 ? 9'000'000 : 3));
    if (i < 10) Submit(*chain, network.CrowdTx(i));
    Produce(*sequencer);
  }
}

std::unique_ptr<store::Database> OpenCopy(const std::string& directory) {
  auto database = store::Database::OpenLmdb(directory, kReadOnly);
  INFO(ToString(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

ReplayReport Audit(const std::string& directory) {
  const auto report = Replay(*OpenCopy(directory), kAudit);
  INFO(ToString(report.status()));
  REQUIRE(report.ok());
  return *report;
}

std::map<std::string, std::string> FilesOf(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream in(entry.path(), std::ios::binary);
    files[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

Bytes BigEndian(uint64_t number) {
  Bytes bytes;
  for (int i = 7; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(number >> (8 * i)));
  return bytes;
}

// Changes the value under a key of a table, as somebody would who has the file and LMDB.
void Tamper(const std::string& directory, const char* table, Bytes key,
            const std::function<void(Bytes&)>& change) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi handle = 0;
  mdb_env_create(&env);
  mdb_env_set_maxdbs(env, 8);
  mdb_env_set_mapsize(env, 1 << 30);
  REQUIRE(mdb_env_open(env, directory.c_str(), MDB_NOSYNC, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, table, 0, &handle) == 0);
  MDB_val name{key.size(), key.data()};
  MDB_val found;
  REQUIRE(mdb_get(txn, handle, &name, &found) == 0);
  const auto* bytes = static_cast<const uint8_t*>(found.mv_data);
  Bytes value(bytes, bytes + found.mv_size);
  change(value);
  if (value.empty()) {
    REQUIRE(mdb_del(txn, handle, &name, nullptr) == 0);
  } else {
    MDB_val changed{value.size(), value.data()};
    REQUIRE(mdb_put(txn, handle, &name, &changed, 0) == 0);
  }
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

void FlipLast(Bytes& value) {
  value.back() ^= 1;
}

TEST_CASE("an honest directory agrees to the last entry, and nothing in it is touched") {
  const TempDirectory directory;
  Record(directory.path());
  fs::remove(directory.path() + "/lock.mdb");  // What a copy may lack.
  fs::remove(directory.path() + "/lock");
  const auto before = FilesOf(directory.path());
  const ReplayReport report = Audit(directory.path());
  CHECK(report.difference == "");
  CHECK_FALSE(report.differs_at);
  CHECK(report.height == 60);
  CHECK(report.txs == 70);
  CHECK(report.totals.events.at("transfer").accepted == 59);
  CHECK(report.totals.events.at("transfer").refused == 1);
  CHECK(report.totals.events.at("allow").accepted == 10);
  CHECK(report.totals.refusals.at("insufficient_balance") == 1);
  CHECK(report.totals.notices.at("epoch_started") == 2);
  CHECK(report.totals.coins.allowances == Amount(1'000));
  CHECK(FilesOf(directory.path()) == before);
}

TEST_CASE("a tampered recording is found where it was tampered with") {
  const SmallNetwork network;
  struct Case {
    const char* table;
    Bytes key;
    std::function<void(Bytes&)> change;
    uint64_t differs_at;
    const char* what;
  };
  const Bytes account = ledger::AccountKey(network.developer_id(1));
  for (const Case& c : std::vector<Case>{
           {"blocks", BigEndian(17), [](Bytes& b) { b[3 + 32 + 8] ^= 1; }, 17, "signature"},
           {"infos", BigEndian(18), FlipLast, 18, "table 'infos' is not what the block gives"},
           {"leaves", BigEndian(19), FlipLast, 19, "table 'leaves' is not what the block gives"},
           {"state", account, FlipLast, 60, "state entry 'a'"},
           {"state", account, [](Bytes& b) { b.clear(); }, 60, "is missing"},
           {"state", account, [](Bytes& b) { b[0] ^= 1; }, 60, "state entry 'a'"},  // For proofs.
       }) {
    CAPTURE(c.table);
    const TempDirectory directory;
    Record(directory.path());
    Tamper(directory.path(), c.table, c.key, c.change);
    const ReplayReport report = Audit(directory.path());
    INFO(report.difference);
    CHECK(report.differs_at == c.differs_at);
    CHECK(report.difference.find(c.what) != std::string::npos);
  }
}

TEST_CASE("a block that is gone or cannot be decoded is an error that names it") {
  const TempDirectory directory;
  Record(directory.path());
  Tamper(directory.path(), "blocks", BigEndian(30), [](Bytes& b) { b.push_back(0); });
  const auto damaged = Replay(*OpenCopy(directory.path()), kAudit);
  CHECK(damaged.status().code() == absl::StatusCode::kDataLoss);
  CHECK(Message(damaged.status()).find("block 30 is damaged") != std::string::npos);
  Tamper(directory.path(), "blocks", BigEndian(20), [](Bytes& b) { b.clear(); });
  const auto gone = Replay(*OpenCopy(directory.path()), kAudit);
  CHECK(Message(gone.status()).find("block 20 is not in the archive") != std::string::npos);
}

TEST_CASE("an entry that no block wrote is found") {
  const TempDirectory directory;
  Record(directory.path());
  // The archive's index has an account's entry moved to a name of somebody else's.
  {
    const auto database = *store::Database::OpenLmdb(directory.path(), kNoSync);
    const auto snapshot = *database->Snapshot();
    CHECK(snapshot->height() == 60);
  }
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi state = 0;
  mdb_env_create(&env);
  mdb_env_set_maxdbs(env, 8);
  REQUIRE(mdb_env_open(env, directory.path().c_str(), MDB_NOSYNC, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, "state", 0, &state) == 0);
  std::string key = "zzz";
  std::string value(20, 'x');
  MDB_val k{key.size(), key.data()};
  MDB_val v{value.size(), value.data()};
  REQUIRE(mdb_put(txn, state, &k, &v, 0) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
  const ReplayReport report = Audit(directory.path());
  CHECK(report.differs_at == 60);
  CHECK(report.difference.find("state entry 'z' 7a7a is recorded, but no block wrote it") !=
        std::string::npos);
}

TEST_CASE("what cannot be audited is refused with the reason, and left as it was") {
  const TempDirectory directory;
  CHECK(store::Database::OpenLmdb(directory.path(), kReadOnly).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(fs::is_empty(directory.path()));
  Record(directory.path());
  {
    const auto writer = store::Database::OpenLmdb(directory.path(), kNoSync);
    REQUIRE(writer.ok());
    const auto status = store::Database::OpenLmdb(directory.path(), kReadOnly).status();
    CHECK(Message(status).find("is in use by process") != std::string::npos);
  }
  {
    const auto reader = OpenCopy(directory.path());
    CHECK(OpenCopy(directory.path())->ReadTip().ok());  // Readers do not mind each other.
    CHECK_FALSE(store::Database::OpenLmdb(directory.path(), kNoSync).ok());
    CHECK_FALSE(reader->KeepEvidence({}).ok());
  }
  const std::string file = directory.path() + "/data.mdb";
  for (const uint64_t size : {fs::file_size(file) / 2, uint64_t{100}}) {
    fs::resize_file(file, size);
    const auto status = store::Database::OpenLmdb(directory.path(), kReadOnly).status();
    CHECK(status.code() == absl::StatusCode::kDataLoss);
    CHECK(Message(status).find("is truncated") != std::string::npos);
    CHECK(fs::file_size(file) == size);
  }
}

}  // namespace
}  // namespace gonka::consensus
