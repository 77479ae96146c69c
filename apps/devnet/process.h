#pragma once

// A child process of the devnet: its output goes to a log file, and it ends with the devnet.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gonka/base/status.h"

namespace gonka::devnet {

class Process {
 public:
  // argv[0] is the program's path. The child gets a signal when the devnet dies, however it dies.
  static absl::StatusOr<std::unique_ptr<Process>> Start(std::string name,
                                                        std::vector<std::string> argv,
                                                        std::string log_path);
  ~Process();  // Asks it to stop, then insists.

  const std::string& name() const { return name_; }
  const std::vector<std::string>& argv() const { return argv_; }
  const std::string& log_path() const { return log_path_; }
  pid_t pid() const { return pid_; }
  // "" while it runs; otherwise how it ended.
  std::string Ended();
  void Terminate();  // SIGTERM; does not wait.
  void Kill();       // SIGKILL, and waits.
  // The last lines of its log.
  std::string LogTail(size_t lines) const;

 private:
  Process(std::string name, std::vector<std::string> argv, std::string log_path, pid_t pid)
      : name_(std::move(name)),
        argv_(std::move(argv)),
        log_path_(std::move(log_path)),
        pid_(pid) {}
  bool Reap(bool block);

  const std::string name_;
  const std::vector<std::string> argv_;
  const std::string log_path_;
  const pid_t pid_;
  bool reaped_ = false;
  int status_ = 0;
};

}  // namespace gonka::devnet
