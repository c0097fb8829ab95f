# SPDX-License-Identifier: MIT
# Set-up shared by scripts/test and scripts/demo: what is missing is named, then installed; nothing is ever asked. Source it, do not run it.
# shellcheck shell=bash disable=SC2034  # the variables are for the scripts that source it

export LC_ALL=C
TTSCALE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD_PACKAGES=(g++ cmake ninja-build libopencv-dev libjpeg-dev libspdlog-dev libcli11-dev nlohmann-json3-dev)
TORCH_PACKAGES=(libtorch-dev)
PIP_TORCH_PACKAGES=(python3 python3-venv)  # in their place, where torch comes from pip
LEAST_TORCH=1.13
PIP_TORCH=2.11.0  # where the distribution has no LibTorch that is new enough
TEST_PACKAGES=(libgtest-dev libgmock-dev)
TEST_PYTHON_PACKAGES=(python3-torch python3-torchvision)
MEBIBYTES_PER_JOB=1500

# Everything for the eye goes to stderr; stdout carries results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
refuse() {
  say "error: $*"
  exit 2
}

# The value of an option, or a refusal: option_value --torch "$@".
option_value() {
  if (($# < 3)) || [[ -z $3 || $3 == -* ]]; then
    refuse "$1 needs a value; see scripts/${0##*/} --help"
  fi
  printf '%s\n' "$3"
}

# Refuses what cannot be a version of PyPI's torch.
check_torch_version() {
  if [[ ! $1 =~ ^[0-9]+(\.[0-9]+)+$ ]]; then
    refuse "--torch takes a version of PyPI's torch such as $PIP_TORCH, not '$1'"
  fi
}

# The packages among the arguments that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) != "install ok installed" ]]; then
      printf '%s\n' "$package"
    fi
  done
}

APT=(apt-get -q -o DPkg::Lock::Timeout=300)
package_lists=old

# What the distribution has now; asked once.
update_package_lists() {
  if [[ $package_lists == old ]]; then
    DEBIAN_FRONTEND=noninteractive "${APT[@]}" update </dev/null >&2 || exit
    package_lists=new
  fi
}

# Whether libtorch-dev is installed, or can be, in a version that is new enough. True where that cannot be told: install_packages then says why.
distribution_has_torch() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    return 0
  fi
  if ((EUID == 0)) && [[ -n $(missing_packages "${TORCH_PACKAGES[@]}") ]]; then
    update_package_lists
  fi
  local version
  version=$(apt-cache policy libtorch-dev 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }' || true)
  if [[ -z $version ]] && ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    return 0  # lists were never fetched
  fi
  if [[ -n $version ]] && dpkg --compare-versions "$version" ge "$LEAST_TORCH"; then
    return 0
  fi
  say "libtorch-dev of this distribution is ${version:-missing}, ttscale needs $LEAST_TORCH or newer: taking torch $PIP_TORCH from pip, as --torch $PIP_TORCH does"
  return 1
}

# Installs those of the named distribution packages that are missing.
install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    refuse "this is not Debian or Ubuntu (no apt-get). Install by hand what your distribution calls: $*; then use --no-install."
  fi
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    return
  fi
  if ((EUID != 0)); then
    refuse "not root, so nothing can be installed. Run as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing from the distribution: ${missing[*]}"
  update_package_lists
  DEBIAN_FRONTEND=noninteractive "${APT[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

# The torch version that the Python of a virtual environment has, without its +cu130; empty if none.
venv_torch_version() {
  "$1/bin/python" -c 'import importlib.metadata as m; print(m.version("torch").split("+")[0])' 2>/dev/null || true
}

# Makes the virtual environment $1 hold torch $2, with what the Python parity tests import beside it.
install_torch() {
  local venv=$1 version=$2
  if [[ $(venv_torch_version "$venv") == "$version" ]]; then
    say "using torch $version in $venv"
    return
  fi
  say "installing with pip into $venv: torch==$version numpy pillow torchvision (about 5 GB with torch's CUDA libraries)"
  if [[ ! -x $venv/bin/python ]]; then
    python3 -m venv "$venv"
  fi
  local -a pip=("$venv/bin/python" -m pip --no-input --disable-pip-version-check install --quiet --no-cache-dir)
  if ! "${pip[@]}" "torch==$version" numpy pillow </dev/null >&2; then
    refuse "pip could not install torch==$version; is that a released version, and is there a network and 5 GB of disk for $venv?"
  fi
  if ! "${pip[@]}" "torch==$version" 'torchvision>=0.14' </dev/null >&2; then
    say "no torchvision fits torch $version; tests that need it are skipped"
  fi
}

# The folder of the torch package in a virtual environment (find_spec does not import it: milliseconds in place of seconds).
venv_torch_root() {
  "$1/bin/python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])'
}

# Sets `venv` to a virtual environment with torch $1 and `torch_root` to the folder of its package. $2: yes, if it may be installed.
use_pip_torch() {
  venv=${TTSCALE_TORCH_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/ttscale/torch-$1}
  if [[ $2 == yes ]]; then
    install_torch "$venv" "$1"
  fi
  if [[ $(venv_torch_version "$venv") != "$1" ]]; then
    refuse "$venv holds no torch $1; leave --no-install out, or set TTSCALE_TORCH_VENV"
  fi
  torch_root=$(venv_torch_root "$venv")
}

# Memory this process may use, in MiB: what is available, or the limit of its container if that is less.
memory_mebibytes() {
  local available limit
  available=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit != max ]] && ((limit / 1048576 < available)); then
    available=$((limit / 1048576))
  fi
  printf '%s\n' "$available"
}

# How many compilers may run at once: one a core, as far as memory reaches.
parallel_jobs() {
  local jobs=$(($(memory_mebibytes) / MEBIBYTES_PER_JOB)) cores
  cores=$(nproc)
  if ((jobs > cores)); then
    jobs=$cores
  fi
  printf '%s\n' "$((jobs < 1 ? 1 : jobs))"
}
