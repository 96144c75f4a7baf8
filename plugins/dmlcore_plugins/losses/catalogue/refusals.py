"""Losses of pytorch-metric-learning that cannot be trained from embeddings and labels: name → reason."""

REFUSED = {
    "manifold": "the library's ManifoldLoss takes meta-classes that it draws for each batch, not labels; use a loss "
    'on labels, such as "proxy_anchor" or "multi_similarity"',
    "vicreg": "the library's VICRegLoss compares two views of each image, but a run has one view and labels; use a "
    'loss on labels, such as "sup_con" or "nt_xent"',
}
