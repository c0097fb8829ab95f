// SPDX-License-Identifier: MIT
// What can be asked of the type of a rule.
#pragma once

#include <type_traits>

#include "ttscale/rule.h"

namespace ttscale::stats {

template <typename T, typename... Types>
inline constexpr bool is_one_of = (std::is_same_v<T, Types> || ...);

template <typename T, typename = void>
inline constexpr bool has_published = false;
/// Whether the rule has a variant as its authors' code has it.
template <typename T>
inline constexpr bool has_published<T, std::void_t<decltype(T::published)>> = true;

template <typename T, typename = void>
inline constexpr bool has_common_fields = false;
/// Whether the rule has the fields variance, part and eps.
template <typename T>
inline constexpr bool has_common_fields<T, std::void_t<decltype(T::part)>> = true;

template <typename T, typename = void>
inline constexpr bool has_order = false;
/// Whether the rule may use its statistics before it updates them.
template <typename T>
inline constexpr bool has_order<T, std::void_t<decltype(T::order)>> = true;

/// Whether the rule carries statistics from batch to batch.
template <typename T>
inline constexpr bool carries_state = is_one_of<T, rule::Ema, rule::Cumulative, rule::Dua, rule::Auto, rule::Rbn,
                                                rule::Tbr, rule::UnMixTns, rule::MixNorm, rule::Tema, rule::Rotta>;

/// Whether the rule has numbers of the stream, which begin() starts anew.
template <typename T>
inline constexpr bool has_stream_numbers = is_one_of<T, rule::Auto, rule::UnMixTns, rule::Tema, rule::Rotta>;

}  // namespace ttscale::stats
