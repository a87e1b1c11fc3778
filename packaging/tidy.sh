#!/usr/bin/env bash
# clang-tidy over our sources. `core`: the rooms that hold secrets and decisions; `all`: everything.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1:-core}" in
  all) folders=src ;;
  *) folders="src/base src/model src/connector src/net src/vault src/audit src/access src/pool src/registry" ;;
esac
[ -f build/release/compile_commands.json ] || cmake --preset release >/dev/null
# Precompiled headers are made for the compiler, not for tidy: it reads the plain headers.
mkdir -p build/tidy
python3 - <<'PY'
import json, re
rows = json.load(open("build/release/compile_commands.json"))
for row in rows:
    row["command"] = re.sub(r"-Xclang -include-pch -Xclang \S+ -Xclang -include -Xclang (\S+)", r"-include \1", row["command"])
    row["command"] = row["command"].replace("-Winvalid-pch", "").replace("ccache ", "", 1)
json.dump(rows, open("build/tidy/compile_commands.json", "w"))
PY
find $folders -name '*.cc' ! -name '*_test.cc' ! -name '*_bench.cc' -print0 |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy-19 -p build/tidy --quiet 2>/dev/null
