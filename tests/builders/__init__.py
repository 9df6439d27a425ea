"""What tests are made of: models, tables, projects, servers. No test imports another test."""
