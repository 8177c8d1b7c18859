"""SoftHebb, of which a classifier reads an image and its mirror image together.

Network and classifiers are the published ones; what is read is the mean of the features of both
images, while classes are told and when they are asked. Kernels learn from images as they are.
"""
