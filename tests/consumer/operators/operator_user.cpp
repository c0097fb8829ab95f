// SPDX-License-Identifier: MIT
// Includes the umbrella header and asks the dispatcher for the operator: the linker must not have dropped the library.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ttscale/ttscale.h>

int main() { return c10::Dispatcher::singleton().findSchema({"ttscale::norm", ""}) ? 0 : 1; }
