#!/usr/bin/env bash
# Proves the trainer on a GPU machine without a package index, in under nine minutes, from the repository's root:
#   scripts/gpu-check.sh wheels            where there is an index: the wheels that machine lacks, 3 MB, into build/gpu
#   OUT=results scripts/gpu-check.sh       there. It needs Python 3.12, torch with CUDA, transformers, accelerate, peft,
#                                          pytest, pytest-xdist and a C compiler; carry build/gpu along.
#   KIT_DEVICE=cpu KIT_SHAPE=llama-narrow  the rehearsal: every line of it on few rows, no figure means anything
#   KIT_ONLY="tests exact" KIT_ROWS="packed_64"    some parts; some rows of the speed
# Stories in build/gpu/data/fairytaleqa are its rows, if they are there; else the examples'. $OUT/results.json has every
# part's end, seconds and figures; the logs lie beside it. It exits with 1 if a part failed. In the speed a loss that is
# not equal to the peer's fails nothing: its line says NOT EQUAL.
set -u
cd "$(dirname "$0")/.."
kit=build/gpu

if [ "${1:-}" = wheels ]; then
  platforms=()
  for version in 2_28 2_17 2_12 2_5; do platforms+=(--platform "manylinux_${version}_x86_64"); done
  wanted=()
  for name in annotated-types pydantic pydantic_core pydantic-settings python-dotenv typing-inspection typing_extensions; do
    wanted+=("$(grep -iE "^${name//[-_]/[-_]}==" constraints.txt)") || { echo "constraints.txt names no $name" >&2; exit 1; }
  done
  rm -rf "$kit/wheels"
  exec python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    "${platforms[@]}" --platform manylinux2014_x86_64 -d "$kit/wheels" "${wanted[@]}"
fi

: "${OUT:?set OUT to the folder of the results}"
export OUT KIT_DEVICE=${KIT_DEVICE:-cuda} KIT_SHAPE=${KIT_SHAPE:-llama-1b}
export GAMUT_TEST_DEVICE=$KIT_DEVICE PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TOKENIZERS_PARALLELISM=false
export HF_HUB_OFFLINE=1 HF_HOME=/tmp/huggingface MPLCONFIGDIR=/tmp/matplotlib GAMUT_DATA=${GAMUT_DATA:-$PWD/$kit/data}
# What one process compiled the next one need not; in itself, as in the trainer's image: a pool is slow to start.
export TORCHINDUCTOR_CACHE_DIR=/tmp/inductor TRITON_CACHE_DIR=/tmp/triton TORCHINDUCTOR_COMPILE_THREADS=1
python=${KIT_PYTHON:-python3}
parts=$(mktemp -d)
mkdir -p "$OUT"
if ! "$python" -c "import pydantic_settings" 2>/dev/null; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$parts/site" "$kit"/wheels/*.whl || exit 1
fi
export PYTHONPATH=$parts/site

part() { # NAME SECONDS COMMAND…: its log is NAME.log, its end a line of parts.tsv
  local name=$1 limit=$2 started=$SECONDS left=$((${KIT_SECONDS:-540} - SECONDS)) rc
  shift 2
  case " ${KIT_ONLY:-$name} " in *" $name "*) ;; *) return ;; esac
  [ "$limit" -le "$left" ] || limit=$left
  [ "$limit" -gt 0 ] || { echo "== $name: no time left"; printf '%s\t124\t0\n' "$name" >>"$parts/parts.tsv"; return; }
  echo "== $name (at most $limit s)"
  timeout -k 5 "$limit" "$@" >"$OUT/$name.log" 2>&1
  rc=$?
  grep -v -i warn "$OUT/$name.log" | tail "-${KIT_TAIL:-30}"
  printf '%s\t%s\t%s\n' "$name" "$rc" $((SECONDS - started)) >>"$parts/parts.tsv"
  echo "== $name ended with $rc after $((SECONDS - started)) s"
}

part machine 60 bash -c "nvidia-smi 2>&1; cc --version 2>&1 | head -1; '$python' -m benchmarks.gpu.common '$parts/machine.json'"
# Without tests/conftest.py, which is Redis and a store. Several processes: most of the time is compiling.
part tests "${KIT_TESTS_SECONDS:-200}" "$python" -m pytest tests/gpu --noconftest -p no:cacheprovider -q -rA --show-capture=no \
  --durations=5 -n "${KIT_PROCESSES:-6}" --junitxml "$OUT/tests.xml" ${KIT_TESTS:+-k "$KIT_TESTS"}
part speed "${KIT_SPEED_SECONDS:-300}" "$python" -m benchmarks.gpu.speed "$parts" ${KIT_ROWS:-}
part kernels 60 "$python" -m benchmarks.gpu.kernels "$parts/kernels.json"
part exact 110 "$python" -m benchmarks.gpu.exact "$parts/exact.json"
"$python" -m benchmarks.gpu.common --together "$parts" "$OUT"
echo "== all in $SECONDS s"
awk -F'\t' '{ printf "%-20s %s  %4d s\n", $1, $2 == 0 ? "ok    " : "rc " $2, $3; bad += $2 != 0 } END { exit bad > 0 }' "$parts/parts.tsv"
