// SPDX-License-Identifier: MIT
// Carries the precompiled header that all libraries and tests share.
