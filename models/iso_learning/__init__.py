"""Porr and Wörgötter: ISO, ICO and ISO3 learning, and a robot that learns to find food.

- Porr and Wörgötter (2003), Isotropic sequence order learning. Neural Computation 15:831-864.
- Porr and Wörgötter (2006), Strongly improved stability and faster convergence of temporal sequence
  learning by using input correlations only. Neural Computation 18:1380-1412.
- Porr and Wörgötter (2007), Learning with "relevance": using a third factor to stabilize Hebbian
  learning. Neural Computation 19:2694-2719.

Filters and rules are those of the papers, in the discrete form of the first author's code
(github.com/berndporr/ICO-learning, icolearning.cpp, commit 90cfa40), and so is the protocol without
a world. The robot, its arena, gains and rates are reconstructed: the papers' numbers, and their
real robot, were not at hand. What the papers have beside this (attraction and avoidance at once,
hunger as the third factor's source, several neurons) is not replicated.
"""
