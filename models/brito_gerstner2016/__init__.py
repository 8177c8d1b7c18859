"""
Nonlinear Hebbian learning as a unifying principle in receptive field formation.

C. Brito and W. Gerstner, PLoS Computational Biology 12(9):e1005070 (2016).
"""
