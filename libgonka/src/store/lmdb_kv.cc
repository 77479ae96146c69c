// LMDB. Traps: the map size is never changed while in use (SIGBUS), one process opens a directory
// once (its locks are per process), a write transaction stays on one thread, and MDB_NOTLS lets a
// read transaction wander between threads.

#include <fmt/format.h>
#include <lmdb.h>

#include <mutex>

#include "store/data_directory.h"
#include "store/kv.h"
#include "store/lmdb_check.h"

namespace gonka::store {
namespace {

MDB_val ToVal(ByteSpan bytes) {
  return {bytes.size(), const_cast<uint8_t*>(bytes.data())};
}
ByteSpan ToSpan(const MDB_val& value) {
  return {static_cast<const uint8_t*>(value.mv_data), value.mv_size};
}

// An open environment; the lock on its directory goes after it.
struct Environment {
  explicit Environment(DataDirectory claimed) : directory(std::move(claimed)) {}
  Environment(const Environment&) = delete;
  ~Environment() {
    if (env != nullptr) mdb_env_close(env);
  }

  DataDirectory directory;
  MDB_env* env = nullptr;
  std::vector<MDB_dbi> tables;
};

class LmdbReader final : public KvReader {
 public:
  LmdbReader(std::shared_ptr<const Environment> environment, MDB_txn* txn)
      : environment_(std::move(environment)), txn_(txn) {}
  ~LmdbReader() override { mdb_txn_abort(txn_); }

  std::optional<ByteSpan> Get(TableId table, ByteSpan key) const override {
    if (key.empty() || key.size() > kKeyMax || !status_.ok()) return std::nullopt;
    MDB_val wanted = ToVal(key);
    MDB_val value;
    const int rc = mdb_get(txn_, environment_->tables[table], &wanted, &value);
    if (rc == MDB_SUCCESS) return ToSpan(value);
    if (rc != MDB_NOTFOUND) Fail(rc);
    return std::nullopt;
  }

  void Scan(TableId table, ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override {
    if (!status_.ok()) return;
    MDB_cursor* cursor = nullptr;
    if (const int rc = mdb_cursor_open(txn_, environment_->tables[table], &cursor)) {
      return Fail(rc);
    }
    const ByteSpan start = BytesLess()(prefix, from) ? from : prefix;
    MDB_val key = ToVal(start);
    MDB_val value;
    int rc = mdb_cursor_get(cursor, &key, &value, start.empty() ? MDB_FIRST : MDB_SET_RANGE);
    while (rc == MDB_SUCCESS && StartsWith(ToSpan(key), prefix) &&
           visit(ToSpan(key), ToSpan(value))) {
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) Fail(rc);
  }

  absl::Status status() const override { return status_; }

 private:
  void Fail(int rc) const {
    status_ = LmdbError(fmt::format("cannot read {}", environment_->directory.DataFile()), rc);
  }

  const std::shared_ptr<const Environment> environment_;
  MDB_txn* const txn_;
  mutable absl::Status status_;
};

class LmdbKv final : public Kv {
 public:
  explicit LmdbKv(std::shared_ptr<const Environment> environment)
      : environment_(std::move(environment)) {}

  absl::StatusOr<std::shared_ptr<const KvReader>> Read() const override {
    MDB_txn* txn = nullptr;
    if (const int rc = mdb_txn_begin(environment_->env, nullptr, MDB_RDONLY, &txn)) {
      return Failed("read", rc);
    }
    return std::make_shared<LmdbReader>(environment_, txn);
  }

  absl::Status Write(std::span<const Mutation> mutations) override {
    GONKA_RETURN_IF_ERROR(CheckMutations(mutations));
    std::lock_guard lock(mutex_);
    MDB_txn* txn = nullptr;
    if (const int rc = mdb_txn_begin(environment_->env, nullptr, 0, &txn)) {
      return Failed("write", rc);
    }
    for (const Mutation& mutation : mutations) {
      if (const int rc = Apply(txn, mutation)) {
        mdb_txn_abort(txn);
        return Failed("write", rc);
      }
    }
    const int rc = mdb_txn_commit(txn);
    return rc == MDB_SUCCESS ? absl::OkStatus() : Failed("commit to", rc);
  }

 private:
  int Apply(MDB_txn* txn, const Mutation& mutation) const {
    const MDB_dbi table = environment_->tables[mutation.table];
    MDB_val key = ToVal(mutation.key);
    if (!mutation.value) {
      const int rc = mdb_del(txn, table, &key, nullptr);
      return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
    }
    MDB_val value = ToVal(*mutation.value);
    const int rc = mdb_put(txn, table, &key, &value, mutation.keep_existing ? MDB_NOOVERWRITE : 0);
    return rc == MDB_KEYEXIST ? MDB_SUCCESS : rc;
  }
  absl::Status Failed(const char* verb, int rc) const {
    return LmdbError(fmt::format("cannot {} {}", verb, environment_->directory.DataFile()), rc);
  }

  const std::shared_ptr<const Environment> environment_;
  std::mutex mutex_;
};

absl::Status OpenEnvironment(Environment& environment, size_t tables, const LmdbOptions& options) {
  const std::string what = "cannot open " + environment.directory.DataFile();
  if (const int rc = mdb_env_create(&environment.env)) return LmdbError(what, rc);
  MDB_env* const env = environment.env;
  if (const int rc = mdb_env_set_maxdbs(env, static_cast<MDB_dbi>(tables))) {
    return LmdbError(what, rc);
  }
  if (const int rc = mdb_env_set_maxreaders(env, options.readers_max)) return LmdbError(what, rc);
  if (const int rc = mdb_env_set_mapsize(env, options.map_size)) return LmdbError(what, rc);
  const unsigned flags = MDB_NOTLS | (options.sync ? 0 : MDB_NOSYNC) |
                         (options.read_only ? MDB_RDONLY | MDB_NOLOCK : 0);
  if (const int rc = mdb_env_open(env, environment.directory.path().c_str(), flags, 0600)) {
    return LmdbError(fmt::format("{} with a map of {} bytes", what, options.map_size), rc);
  }
  int dead = 0;
  if (!options.read_only) {
    if (const int rc = mdb_reader_check(env, &dead)) return LmdbError(what, rc);
  }
  return CheckFileLength(env, environment.directory.DataFile(), options.read_only);
}

absl::Status OpenTables(Environment& environment, const std::vector<std::string>& names,
                        bool read_only) {
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(environment.env, nullptr, read_only ? MDB_RDONLY : 0, &txn);
  if (rc != MDB_SUCCESS) return LmdbError("cannot open " + environment.directory.DataFile(), rc);
  const unsigned flags = read_only ? 0 : MDB_CREATE;
  for (const std::string& name : names) {
    if (rc == MDB_SUCCESS) {
      rc = mdb_dbi_open(txn, name.c_str(), flags, &environment.tables.emplace_back());
    }
  }
  if (rc == MDB_SUCCESS) {
    rc = mdb_txn_commit(txn);
  } else {
    mdb_txn_abort(txn);
  }
  if (rc == MDB_SUCCESS) return absl::OkStatus();
  if (rc == MDB_NOTFOUND) {
    return absl::FailedPreconditionError(
        environment.directory.DataFile() +
        " lacks tables: it was written in another format, or holds something else");
  }
  return LmdbError("cannot open the tables of " + environment.directory.DataFile(), rc);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kv>> OpenLmdbKv(const std::string& directory,
                                               const std::vector<std::string>& tables,
                                               const LmdbOptions& options) {
  GONKA_ASSIGN_OR_RETURN(DataDirectory claimed, options.read_only
                                                    ? DataDirectory::Inspect(directory)
                                                    : DataDirectory::Claim(directory));
  if (!options.read_only) GONKA_RETURN_IF_ERROR(claimed.Prepare());
  const auto environment = std::make_shared<Environment>(std::move(claimed));
  GONKA_RETURN_IF_ERROR(OpenEnvironment(*environment, tables.size(), options));
  GONKA_RETURN_IF_ERROR(OpenTables(*environment, tables, options.read_only));
  if (!options.read_only) GONKA_RETURN_IF_ERROR(environment->directory.Mark());
  return std::make_unique<LmdbKv>(environment);
}

}  // namespace gonka::store
