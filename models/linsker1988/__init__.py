"""
Layers that grow receptive fields from noise, and what they tell: Linsker 1986 and 1988.

R. Linsker, "From basic network principles to neural architecture", PNAS 83:7508, 8390 and 8779
(1986), and "Self-organization in a perceptual network", Computer 21:105 (1988); with the analysis
of D. MacKay and K. Miller, "Analysis of Linsker's simulations of Hebbian rules", NIPS 2 (1989).

Replicated are layers A to G, averaged and live, orientation columns, and the principle of maximum
information for two linear cells. The full texts were not at hand: the rule's form is read in MacKay
and Miller's opening, radii and (k1, k2) of layer C are from memory, those of layers D to G ours.

Run it with ``python -m models.linsker1988``; ``--help`` lists the options.
"""
