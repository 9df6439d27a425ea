"""What tests are made of: models, tables, projects, servers. Shared by all tests; no test imports another test."""
