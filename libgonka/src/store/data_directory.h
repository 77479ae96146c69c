#pragma once

// The directory that holds one LMDB file: locked by one process at a time, and marked once the file
// has been made, so that a file which is cut short later is not mistaken for a fresh one.

#include <cstdint>
#include <string>

#include "gonka/base/status.h"

namespace gonka::store {

class DataDirectory {
 public:
  // Makes the directory where it is missing and claims it for this process.
  static absl::StatusOr<DataDirectory> Claim(const std::string& path);
  // An existing one, of which nothing is changed: others may look at the same time, nobody may
  // write.
  static absl::StatusOr<DataDirectory> Inspect(const std::string& path);
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }
  std::string DataFile() const { return path_ + "/data.mdb"; }
  // kDataLoss where there is less of the file than an empty one has.
  absl::Status CheckSize() const;
  // Before LMDB touches the file: kDataLoss where there is less of it than an empty one has. What
  // is left of a first start that was cut off is removed.
  absl::Status Prepare() const;
  // After the file has been made.
  absl::Status Mark() const;

 private:
  DataDirectory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_ = -1;  // Of the lock file.
};

}  // namespace gonka::store
