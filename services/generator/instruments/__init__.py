"""Language models as measuring instruments: the Cluster-agent, the judges, and the budget that pays them."""
