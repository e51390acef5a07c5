"""The trainer on a GPU: exactness, speed beside transformers' own, kernels. `scripts/gpu-check.sh` runs them."""
