"""Wire models of the trainer: settings of a training, of an evaluation and of a plan, and what each returns.

Configuration is data: every model refuses unknown fields, is frozen, and names in each default's comment
where the number comes from. W is "What Matters in LLM-generated Data" (arXiv 2506.19262), E is "Synthetic
Eggs in Many Baskets" (arXiv 2511.01490).
"""
