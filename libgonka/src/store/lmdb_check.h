#pragma once

#include <lmdb.h>

#include <string>

#include "gonka/base/status.h"

namespace gonka::store {

absl::Status LmdbError(const std::string& what, int code);

// kDataLoss where pages that are in use lie beyond the end of the file: reading one would end the
// process with SIGBUS. env is open, with no transaction.
// To look, the file is made as long as it should be; where the environment is only read, it is
// shortened again.
absl::Status CheckFileLength(MDB_env* env, const std::string& path, bool read_only);

}  // namespace gonka::store
