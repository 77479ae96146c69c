#include "gonka/base/status.h"

namespace gonka {

std::string ToString(const absl::Status& status) {
  return status.ToString();
}

absl::Status Annotate(const absl::Status& status, const std::string& context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), context + ": " + Message(status));
}

}  // namespace gonka
