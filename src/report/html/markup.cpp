// SPDX-License-Identifier: MIT
// Escaping, cleaning, nesting.
#include "report/html/markup.h"

#include <array>
#include <cstdint>

#include "report/format.h"

namespace ttscale::report::html {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

unsigned byte_at(const std::string& text, std::size_t position) {
  return position < text.size() ? static_cast<unsigned char>(text[position]) : 0U;
}

/// Bytes that a sequence has by its first one; 0 for a byte that begins none.
std::size_t sequence_length(unsigned first) {
  if (first < 0x80U) {
    return 1;
  }
  if (first >= 0xC2U && first <= 0xDFU) {
    return 2;
  }
  if ((first & 0xF0U) == 0xE0U) {
    return 3;
  }
  return first >= 0xF0U && first <= 0xF4U ? 4 : 0;
}

/// The range of the second byte keeps out overlong forms, surrogates and what lies above U+10FFFF (RFC 3629).
bool second_byte_fits(unsigned first, unsigned second) {
  const unsigned low = first == 0xE0U ? 0xA0U : first == 0xF0U ? 0x90U : 0x80U;
  const unsigned high = first == 0xEDU ? 0x9FU : first == 0xF4U ? 0x8FU : 0xBFU;
  return second >= low && second <= high;
}

/// Length of the valid character at the position; 0 where there is none.
std::size_t character_at(const std::string& text, std::size_t position) {
  const unsigned first = byte_at(text, position);
  const std::size_t length = sequence_length(first);
  if (length > 1 && !second_byte_fits(first, byte_at(text, position + 1))) {
    return 0;
  }
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, position + i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return length;
}

bool is_control(const std::string& text, std::size_t position, std::size_t length) {
  const unsigned first = byte_at(text, position);
  const bool c0 = length == 1 && (first < 0x20U || first == 0x7FU) && first != '\t' && first != '\n';
  const bool c1 = length == 2 && first == 0xC2U && byte_at(text, position + 1) < 0xA0U;
  const bool no_character = length == 3 && first == 0xEFU && byte_at(text, position + 1) == 0xBFU &&
                            byte_at(text, position + 2) >= 0xBEU;  // U+FFFE, U+FFFF
  return c0 || c1 || no_character;
}

std::string escape(const std::string& clean) {
  std::string escaped;
  escaped.reserve(clean.size());
  for (const char character : clean) {
    switch (character) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += character;
    }
  }
  return escaped;
}

std::string open_tag(const char* name, const Attributes& attributes) {
  std::string tag = std::string("<") + name;
  for (const auto& [key, value] : attributes) {
    tag += std::string(" ") + key + "=\"" + escape(clean_utf8(value)) + "\"";
  }
  return tag;
}

}  // namespace

std::string clean_utf8(const std::string& text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t length = character_at(text, position);
    if (length == 0 || is_control(text, position, length)) {
      clean += kReplacement;
    } else {
      clean.append(text, position, length);
    }
    position += length == 0 ? 1 : length;
  }
  return clean;
}

Markup text(const std::string& text) { return {escape(clean_utf8(text))}; }

Markup literal(const char* html) { return {html}; }

Markup element(const char* name, const Attributes& attributes, const Markup& content) {
  return {open_tag(name, attributes) + ">" + content.html + "</" + name + ">"};
}

Markup element(const char* name, const Markup& content) { return element(name, {}, content); }

Markup leaf(const char* name, const Attributes& attributes) { return {open_tag(name, attributes) + "/>"}; }

Markup name(const std::string& text, std::size_t width) {
  const std::string clean = clean_utf8(text);
  const std::string shown = shorten(clean, width);
  Markup content;
  std::string word;
  for (const char character : shown) {
    word += character;
    if (std::string(":,/_.=").find(character) != std::string::npos) {
      content += Markup{escape(word)} + leaf("wbr");
      word.clear();
    }
  }
  content += Markup{escape(word)};
  return element("bdi", shown == clean ? Attributes{} : Attributes{{"title", clean}}, content);
}

std::string base64(const std::string& bytes) {
  static constexpr std::array<char, 65> kDigits{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};
  std::string encoded;
  encoded.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2);
    const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t digit = 0; digit < 4; ++digit) {
      encoded += digit < digits ? kDigits.at(group >> (18U - 6U * static_cast<unsigned>(digit)) & 63U) : '=';
    }
  }
  return encoded;
}

}  // namespace ttscale::report::html
