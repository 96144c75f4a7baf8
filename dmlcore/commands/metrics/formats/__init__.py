"""The formats of saved embeddings, one module for each library that reads them."""
