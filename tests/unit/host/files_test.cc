#include "gonka/host/files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gonka/host/log.h"
#include "temp_dir.h"

namespace gonka::host {
namespace {

std::string Text(const absl::Status& status) {
  return std::string(status.message());
}

TEST_CASE("a file is read whole or not at all") {
  TempDir dir;
  const std::string path = dir.File("data");
  const std::string content(100'000, 'x');
  REQUIRE(WriteFileAtomic(path, AsBytes(content)).ok());
  CHECK(*ReadFile(path) == content);
  CHECK(*ReadFile(path, 100'000) == content);
  const absl::Status large = ReadFile(path, 99'999).status();
  CHECK(large.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Text(large) == path + " is larger than 99999 bytes");
  const absl::Status missing = ReadFile(dir.File("none")).status();
  CHECK(missing.code() == absl::StatusCode::kNotFound);
  CHECK(Text(missing) ==
        fmt::format("cannot open {}: No such file or directory", dir.File("none")));
  CHECK_FALSE(ReadFile(dir.path()).ok());
}

TEST_CASE("a file is replaced as a whole, and a failure leaves the old one and no rest") {
  TempDir dir;
  const std::string path = dir.File("key");
  REQUIRE(WriteFileAtomic(path, AsBytes("old"), 0600).ok());
  REQUIRE(WriteFileAtomic(path, AsBytes("new"), 0600).ok());
  CHECK(*ReadFile(path) == "new");
  struct stat info;
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(MakeDirectory(dir.File("taken/inside")).ok());
  const absl::Status status = WriteFileAtomic(dir.File("taken"), AsBytes("x"));
  CHECK(Text(status) == fmt::format("cannot replace {}: Is a directory", dir.File("taken")));
  CHECK_FALSE(WriteFileAtomic(dir.File("no/such/file"), AsBytes("x")).ok());
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    ++entries;
  }
  CHECK(entries == 2);
}

TEST_CASE("a directory is made with its parents, unless something else is there") {
  TempDir dir;
  CHECK(MakeDirectory(dir.File("a/b/c")).ok());
  CHECK(MakeDirectory(dir.File("a/b/c/")).ok());
  REQUIRE(WriteFileAtomic(dir.File("file"), AsBytes("x")).ok());
  CHECK(Text(MakeDirectory(dir.File("file"))) ==
        fmt::format("cannot make directory {}: Not a directory", dir.File("file")));
  CHECK_FALSE(MakeDirectory(dir.File("file/below")).ok());
}

TEST_CASE("a data directory belongs to one process, until that ends in whatever way") {
  TempDir dir;
  const std::string data = dir.File("data");
  int ready[2], end[2];
  REQUIRE((::pipe(ready) == 0 && ::pipe(end) == 0));
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = LockFile::Acquire(data);
    char byte = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(end[0], &byte, 1) < 0) ::_exit(1);
    ::_exit(0);
  }
  char byte = 'n';
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  const absl::Status taken = LockFile::Acquire(data).status();
  CHECK(taken.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Text(taken) == fmt::format("data directory {} is in use by process {}", data, child));
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  {
    const auto mine = LockFile::Acquire(data);
    REQUIRE(mine.ok());
    CHECK_FALSE(LockFile::Acquire(data).ok());
  }
  CHECK(LockFile::Acquire(data).ok());
  for (const int fd : {ready[0], ready[1], end[0], end[1]}) ::close(fd);
}

TEST_CASE("a log keeps the levels asked for, one line each, whatever is in them") {
  TempDir dir;
  const std::string path = dir.File("node.log");
  auto log = OpenLog({.level = LogLevel::kInfo, .file = path, .name = "gonkad"});
  REQUIRE(log.ok());
  (*log)->Write(LogLevel::kDebug, "unheard");
  (*log)->Write(LogLevel::kInfo, "started {} %s");
  (*log)->Write(LogLevel::kError,
                "a stranger said: x\n2025-01-01T00:00:00.000Z info forged\x1b[2J");
  const std::string text = *ReadFile(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find("Z info    gonkad: started {} %s\n") != std::string::npos);
  CHECK(text.find("Z error   gonkad: a stranger said: x?2025") != std::string::npos);
  CHECK(text.find("forged?[2J\n") != std::string::npos);
  CHECK(text.find("unheard") == std::string::npos);
}

TEST_CASE("a log file is rotated before it grows too large") {
  TempDir dir;
  auto log = OpenLog({.file = dir.File("log"), .file_max = 1000, .files_max = 2});
  REQUIRE(log.ok());
  for (int i = 0; i < 100; ++i) (*log)->Write(LogLevel::kInfo, std::string(100, 'x'));
  size_t total = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    total += entry.file_size();
  }
  CHECK(total <= 3000);
}

TEST_CASE("a log that cannot be opened and a level that is none are errors with a name") {
  TempDir dir;
  REQUIRE(WriteFileAtomic(dir.File("file"), AsBytes("x")).ok());
  const absl::Status status = OpenLog({.file = dir.File("file/log")}).status();
  CHECK(Text(status).starts_with(fmt::format("cannot write log file {}", dir.File("file/log"))));
  CHECK(*ParseLogLevel("warning") == LogLevel::kWarning);
  CHECK(Text(ParseLogLevel("loud").status()).starts_with("\"loud\" is no log level"));
}

}  // namespace
}  // namespace gonka::host
