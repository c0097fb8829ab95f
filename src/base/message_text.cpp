// SPDX-License-Identifier: MIT
// Escapes and shortens.
#include "base/message_text.h"

#include <array>
#include <cstdio>

namespace ttscale {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::string escaped(char byte) {
  switch (byte) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  std::array<char, 5> hex{};
  std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return hex.data();
}

}  // namespace

std::string shown(std::string_view text, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (out.size() >= most && !continues_character(text[i])) {
      return out + "...";
    }
    const auto code = static_cast<unsigned char>(text[i]);
    out += code < 0x20U || code == 0x7FU ? escaped(text[i]) : std::string(1, text[i]);
  }
  return out;
}

}  // namespace ttscale
