"""The comparison of two models, document by document. The page's script draws it."""
