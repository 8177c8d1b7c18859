"""
Structure bound by fast Hebbian plasticity: Mueller, Papadimitriou, Maass and Legenstein 2020.

A model for structured information representation in neural networks of the brain, eNeuro 7(3),
PMID 32381648. Run it with ``python -m models.mueller2020``; ``--help`` lists the options.

Contents are assemblies of cells in a content space. CREATE lets a neural space grow an assembly for
each of them, through fast plasticity of all synapses within and between the spaces. From then on
the neural space can hold a content (LOAD), as its cells stay excitable for seconds, and bring it
back (RECALL); two neural spaces can pass it on (COPY) and tell whether they hold the same one
(COMPARE).

Replicated are these operations with the numbers of the authors' code, at a reduced size (neural
spaces of 1000 excitatory cells, theirs have 2000), in steps of 1 ms with all delays of one step
(theirs are 0.1 ms, and delays between 0.5 and 10 ms), with 75 presentations of patterns (theirs
200). Not replicated are the paper's linear read-outs and its experiments with larger structures.
"""
