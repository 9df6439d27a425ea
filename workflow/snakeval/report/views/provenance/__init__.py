"""The view of origins: code, versions, machine, rules, digests, configuration."""
