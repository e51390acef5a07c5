"""The generator: controlled diversity from any number of language models.

A map of its parts, from the wire inwards:

- `sources/`     clients of OpenAI-compatible servers: one connection pool, one error vocabulary, adaptive
                 concurrency, routing and fail-over;
- `calls/`       what a call is, where its answer is kept so that it is never paid twice, and what was spent;
- `engine/`      the stream that turns candidates into exactly N accepted rows of each level, and the filters
                 that refuse;
- `strategies/`  what to ask: topics, topic-guided rows, paraphrases, answers, styles and personas;
- `topics/`      pools of distinct topics, and which candidate gets which;
- `datasets/`, `dial/`   how diverse: the stage of each level, and a controller that reaches a wanted value;
- `instruments/` language models as measuring instruments: the Cluster-agent, judges, and what they may spend;
- `inputs/`, `text/`     a request's artifacts as plain values, and how their texts are counted;
- `estimates/`   what a request would cost and send;
- `operations/`  from a request and a workspace to an artifact.
"""
