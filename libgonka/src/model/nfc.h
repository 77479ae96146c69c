#pragma once

// Unicode's composed form (NFC): "e" and a combining acute accent become "\u00e9".

#include <string>
#include <string_view>

namespace gonka::model {

// text is UTF-8. O(n log n), whatever it is.
std::string ComposeNfc(std::string_view text);

}  // namespace gonka::model
