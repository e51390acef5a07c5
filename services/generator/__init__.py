"""The generator: controlled diversity from any number of language models.

A map of its parts, from the wire inwards:

- `sources/`     clients of OpenAI-compatible servers: one connection pool, one error vocabulary, adaptive
                 concurrency, routing and fail-over;
- `calls`, `journal`, `ledger`, `budget`   what a call is, where its answer is kept so that it is never paid
                 twice, what was spent, and what may be;
- `engine/`      the stream that turns candidates into exactly N accepted rows of each level, and the filters
                 that refuse;
- `strategies/`  what to ask: topics, topic-guided rows, paraphrases, answers, styles and personas;
- `rows`, `dial/`   how diverse: the stage of each level, and a controller that reaches a wanted value;
- `agent/`, `judges/`  language models as measuring instruments.
"""
