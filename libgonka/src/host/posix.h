#pragma once

#include <fmt/format.h>

#include <string>
#include <system_error>

#include "absl/status/status.h"

namespace gonka::host {

// "cannot open /x/y: Permission denied". NotFound where that is the reason.
inline absl::Status PosixError(const std::string& what, const std::string& path, int error) {
  const std::string message =
      fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

}  // namespace gonka::host
