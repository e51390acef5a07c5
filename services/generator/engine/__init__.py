"""From candidates to exactly N accepted rows: one continuous stream, every refusal kept with its reason."""
