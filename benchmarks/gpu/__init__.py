"""The trainer on a GPU: exactness, speed kernels. `scripts/gpu-check.sh` runs them."""
