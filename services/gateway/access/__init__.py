"""Who may do what: keys, projects, quotas, the audit log, and requests of other sites' pages."""
