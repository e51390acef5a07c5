"""The least that counts for each row: how many times faster than its peer, or where there is no peer, the
most seconds (and gigabytes) it may take."""

from __future__ import annotations

from typing import Any

RATIOS = {
    "distinct_1_5_vs_diversity": 40,
    "distinct_1_5_vs_polars": 13,
    "self_bleu_1k_vs_nltk": 15_000,
    "self_bleu_10k_vs_fast_bleu": 350,
    "self_repetition_16k_vs_diversity": 1_300,
    "entropy_vs_nltk": 60,
    "kl_js_vs_counter": 35,
    "near_duplicates_200k_vs_rensa": 5,
    "heaps_vs_set": 12,
    "vendi_10k_vs_score_x": 1_900,
    "vendi_10k_vs_score_dual": 1,
    "mean_cosine_10k_vs_sklearn": 2_000,
    "distinct_2_intervals_vs_loop": 2_500,
    "coverage_2k_vs_prdc": 1,
}
SECONDS = {"self_bleu_200k": 2.0, "stream_100m_tokens": 60.0, "coverage_20k": 60.0, "mmd_10k": 20.0}
GIGABYTES = {"stream_100m_tokens": 4.0, "coverage_20k": 1.0, "mmd_10k": 1.0}
PARITY = 0.9
"""A ratio asked to be 1 is reached within a tenth: both sides call the same routines, the clock wavers."""


def wanted(row: dict[str, Any]) -> str:
    """The row's target as the table shows it; empty where there is none."""
    name = row["name"]
    if name in RATIOS:
        return f"{RATIOS[name]:,}×"
    limits = [f"{most[name]:g} {unit}" for most, unit in ((SECONDS, "s"), (GIGABYTES, "GB")) if name in most]
    return f"≤ {', '.join(limits)}" if limits else ""


def reached(row: dict[str, Any]) -> bool | None:
    """Whether the row reaches its target; None where it has none."""
    name = row["name"]
    if name in RATIOS:
        least = RATIOS[name] if RATIOS[name] > 1 else PARITY
        return bool(row["equal"] and row["ratio"] >= least)
    if name in SECONDS:
        light = row.get("peak_gb", 0.0) <= GIGABYTES.get(name, float("inf"))
        return bool(row["equal"] and row["ours"] <= SECONDS[name] and light)
    return None
