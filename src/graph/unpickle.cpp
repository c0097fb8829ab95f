// SPDX-License-Identifier: MIT
// Reads back what pickle() writes. LibTorch's own unpickler trusts its input (a tensor may reach beyond its storage, a
// command may pop what is not there); files from elsewhere are not to be trusted, so this one knows the few commands
// that LibTorch's pickler needs for plain values and checks each (the commands: PEP 307 and Python's pickletools).
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include "base/message_text.h"
#include "base/zip_records.h"
#include "graph/pickle.h"
#include "graph/pickled_tensor.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

constexpr int kMaxDepth = 16;
constexpr const char* kRebuild = "torch._utils _rebuild_tensor_v2";
constexpr const char* kOrderedDict = "collections OrderedDict";

[[noreturn]] void fail(const std::string& problem) { throw DataError(problem); }

/// What lies on the stack.
struct Item {
  enum class Kind { kMark, kValue, kTuple, kGlobal, kStorage };
  Kind kind = Kind::kMark;
  c10::IValue value;        ///< of kValue; the tensor of kStorage
  std::string global;       ///< of kGlobal: module and name
  std::vector<Item> items;  ///< of kTuple
  int depth = 0;            ///< of containers in containers
};

Item value_item(c10::IValue value) { return {Item::Kind::kValue, std::move(value), {}, {}, 0}; }

const Item& expect(const Item& item, Item::Kind kind) {
  if (item.kind != kind) {
    fail("its pickle holds something in a wrong place");
  }
  return item;
}

std::int64_t whole(const Item& item) {
  if (!expect(item, Item::Kind::kValue).value.isInt()) {
    fail("its pickle holds no whole number where one is due");
  }
  return item.value.toInt();
}

std::string text(const Item& item) {
  if (!expect(item, Item::Kind::kValue).value.isString()) {
    fail("its pickle holds no text where one is due");
  }
  return item.value.toStringRef();
}

std::vector<std::int64_t> whole_numbers(const Item& tuple) {
  const std::vector<Item>& items = expect(tuple, Item::Kind::kTuple).items;
  std::vector<std::int64_t> out;
  std::transform(items.begin(), items.end(), std::back_inserter(out), whole);
  return out;
}

/// The commands of one pickle.
class Unpickler {
 public:
  explicit Unpickler(std::string_view file) : records_(zip_records(file)), commands_(record("data.pkl")) {}

  c10::IValue read() {
    while (true) {
      const auto command = static_cast<unsigned char>(take(1)[0]);
      if (command == '.') {
        break;
      }
      if (!scalar(command) && !container(command) && !reference(command)) {
        fail("its pickle holds a command that ttscale does not write");
      }
    }
    if (stack_.size() != 1) {
      fail("its pickle ends too early");
    }
    return expect(stack_.back(), Item::Kind::kValue).value;
  }

 private:
  std::string_view record(const std::string& name) const {
    const auto found = records_.find(name);
    if (found == records_.end()) {
      fail("it has no record " + shown(name));
    }
    return found->second;
  }

  std::string_view take(std::size_t count) {
    if (count > commands_.size() - at_) {
      fail("its pickle ends too early");
    }
    at_ += count;
    return commands_.substr(at_ - count, count);
  }

  std::string line() {
    const std::size_t end = commands_.find('\n', at_);
    std::string out(take(end == std::string_view::npos ? commands_.size() : end - at_));
    take(1);
    return out;
  }

  /// A number of `count` bytes (1 to 8), least significant first, with its sign in the last one if `with_sign`.
  std::int64_t number(std::size_t count, bool with_sign = false) {
    const std::string_view bytes = take(count);
    std::uint64_t value =
        with_sign && count > 0 && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = count; i > 0; --i) {
      value = value << 8U | static_cast<unsigned char>(bytes[i - 1]);
    }
    std::int64_t out = 0;
    std::memcpy(&out, &value, sizeof out);
    return out;
  }

  double big_endian_double() {
    const std::string_view bytes = take(sizeof(double));
    std::uint64_t word = 0;
    for (const char byte : bytes) {
      word = word << 8U | static_cast<unsigned char>(byte);
    }
    double out = 0;
    std::memcpy(&out, &word, sizeof out);
    return out;
  }

  std::int64_t long_number() {
    const auto count = static_cast<std::size_t>(number(1));
    if (count > sizeof(std::int64_t)) {
      fail("its pickle holds a number that is too large");
    }
    return number(count, true);
  }

  void push(Item item) { stack_.push_back(std::move(item)); }

  Item pop() {
    if (stack_.empty()) {
      fail("its pickle takes more than it has");
    }
    Item item = std::move(stack_.back());
    stack_.pop_back();
    return item;
  }

  std::vector<Item> pop_to_mark() {
    const auto mark =
        std::find_if(stack_.rbegin(), stack_.rend(), [](const Item& item) { return item.kind == Item::Kind::kMark; });
    if (mark == stack_.rend()) {
      fail("its pickle takes more than it has");
    }
    std::vector<Item> items(std::make_move_iterator(mark.base()), std::make_move_iterator(stack_.end()));
    stack_.erase(std::prev(mark.base()), stack_.end());
    return items;
  }

  /// The container that the items were put on, one level deeper than any of them.
  Item& container_of(const std::vector<Item>& items) {
    if (stack_.empty()) {
      fail("its pickle takes more than it has");
    }
    Item& container = stack_.back();
    for (const Item& item : items) {
      container.depth = std::max(container.depth, expect(item, Item::Kind::kValue).depth + 1);
    }
    check_depth(container);
    return container;
  }

  static void check_depth(const Item& item) {
    if (item.depth > kMaxDepth) {
      fail("its pickle is nested too deep");
    }
  }

  void push_tuple(std::vector<Item> items) {
    Item tuple{Item::Kind::kTuple, {}, {}, std::move(items), 0};
    for (const Item& item : tuple.items) {
      tuple.depth = std::max(tuple.depth, item.depth + 1);
    }
    check_depth(tuple);
    push(std::move(tuple));
  }

  void push_tuple_of(std::size_t count) {
    std::vector<Item> items(count);
    for (std::size_t i = count; i > 0; --i) {
      items[i - 1] = pop();
    }
    push_tuple(std::move(items));
  }

  void append() {
    const std::vector<Item> items = pop_to_mark();
    const Item& target = container_of(items);
    if (!expect(target, Item::Kind::kValue).value.isList()) {
      fail("its pickle appends to what is no list");
    }
    auto list = target.value.toList();
    for (const Item& item : items) {
      list.push_back(item.value);
    }
  }

  void set_items() {
    const std::vector<Item> items = pop_to_mark();
    const Item& target = container_of(items);
    if (!expect(target, Item::Kind::kValue).value.isGenericDict() || items.size() % 2 != 0) {
      fail("its pickle has entries that are no pairs");
    }
    auto dictionary = target.value.toGenericDict();
    for (std::size_t i = 0; i < items.size(); i += 2) {
      dictionary.insert_or_assign(text(items[i]), items[i + 1].value);
    }
  }

  void remember(std::int64_t index) {
    if (stack_.empty()) {
      fail("its pickle takes more than it has");
    }
    // A container is written where it is used and nowhere else; one that held itself would never be freed.
    const Item& top = stack_.back();
    if (top.kind == Item::Kind::kGlobal || top.kind == Item::Kind::kStorage ||
        (top.kind == Item::Kind::kValue && (top.value.isString() || top.value.isTensor()))) {
      memo_[index] = top;
    }
  }

  void recall(std::int64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) {
      fail("its pickle refers to what is not there");
    }
    push(found->second);
  }

  /// ("storage", type, record, device, number of values) -> the values.
  void load_storage() {
    const Item tuple = pop();
    const std::vector<Item>& parts = expect(tuple, Item::Kind::kTuple).items;
    if (parts.size() != 5) {
      fail("a tensor has another form");
    }
    const std::string& type = expect(parts[1], Item::Kind::kGlobal).global;
    const std::string name = "data/" + text(parts[2]);
    at::Tensor& values = storages_[type + ' ' + name];
    if (!values.defined()) {
      values = pickled_values(type, record(name));
    }
    if (whole(parts[4]) != values.numel()) {
      fail("a tensor has another number of values");
    }
    push({Item::Kind::kStorage, values, {}, {}, 0});
  }

  /// torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks)
  static c10::IValue rebuild(const std::vector<Item>& arguments) {
    if (arguments.size() != 6) {
      fail("a tensor has another form");
    }
    return pickled_tensor(expect(arguments[0], Item::Kind::kStorage).value.toTensor(), whole(arguments[1]),
                          whole_numbers(arguments[2]), whole_numbers(arguments[3]));
  }

  void call() {
    const Item arguments = pop();
    const Item function = pop();
    expect(arguments, Item::Kind::kTuple);
    if (expect(function, Item::Kind::kGlobal).global == kRebuild) {
      push(value_item(rebuild(arguments.items)));
    } else if (function.global == kOrderedDict && arguments.items.empty()) {
      push(value_item({}));  // the hooks of a tensor: none
    } else {
      fail("its pickle calls " + shown(function.global));
    }
  }

  bool scalar(unsigned char command) {
    switch (command) {
      case 0x80:  // protocol
        take(1);
        return true;
      case 'N':
        push(value_item({}));
        return true;
      case 0x88:
      case 0x89:
        push(value_item(command == 0x88));
        return true;
      case 'K':
      case 'M':
        push(value_item(number(command == 'K' ? 1 : 2)));
        return true;
      case 'J':
        push(value_item(number(4, true)));
        return true;
      case 0x8a:
        push(value_item(long_number()));
        return true;
      case 'G':
        push(value_item(big_endian_double()));
        return true;
      case 'X':
        push(value_item(std::string(take(static_cast<std::size_t>(number(4))))));
        return true;
      default:
        return false;
    }
  }

  bool container(unsigned char command) {
    switch (command) {
      case '(':
        push({});
        return true;
      case '}':
        push(value_item(c10::impl::GenericDict(c10::StringType::get(), c10::AnyType::get())));
        return true;
      case ']':
        push(value_item(c10::impl::GenericList(c10::AnyType::get())));
        return true;
      case ')':
        push_tuple({});
        return true;
      case 't':
        push_tuple(pop_to_mark());
        return true;
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple_of(command - 0x84U);
        return true;
      case 'e':
        append();
        return true;
      case 'u':
        set_items();
        return true;
      default:
        return false;
    }
  }

  bool reference(unsigned char command) {
    switch (command) {
      case 'q':
      case 'r':
        remember(number(command == 'q' ? 1 : 4));
        return true;
      case 'h':
      case 'j':
        recall(number(command == 'h' ? 1 : 4));
        return true;
      case 'c': {
        const std::string module = line();
        push({Item::Kind::kGlobal, {}, module + " " + line(), {}, 0});
        return true;
      }
      case 'Q':
        load_storage();
        return true;
      case 'R':
        call();
        return true;
      default:
        return false;
    }
  }

  std::map<std::string, std::string_view> records_;
  std::string_view commands_;
  std::size_t at_ = 0;
  std::vector<Item> stack_;
  std::unordered_map<std::int64_t, Item> memo_;
  std::unordered_map<std::string, at::Tensor> storages_;
};

}  // namespace

c10::IValue unpickle(std::string_view bytes) { return Unpickler(bytes).read(); }

}  // namespace ttscale::graph
