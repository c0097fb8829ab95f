# SPDX-License-Identifier: MIT
# Set-up shared by scripts/test and scripts/demo: what is missing is named, then installed; nothing is ever asked. Source it, do not run it.
# shellcheck shell=bash disable=SC2034  # the variables are for the scripts that source it

export LC_ALL=C
TTSCALE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD_PACKAGES=(g++ cmake ninja-build libtorch-dev libopencv-dev libjpeg-dev libspdlog-dev libcli11-dev nlohmann-json3-dev)
TEST_PACKAGES=(libgtest-dev libgmock-dev)
TEST_PYTHON_PACKAGES=(python3-torch python3-torchvision)
MEBIBYTES_PER_JOB=1500

# Everything for the eye goes to stderr; stdout carries results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
refuse() {
  say "error: $*"
  exit 2
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
  local -a apt=(apt-get -q -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" update </dev/null >&2
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2
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
