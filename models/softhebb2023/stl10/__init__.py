"""SoftHebb on STL-10: four layers learn from 100,000 images of 96x96 without labels.

What runs is that of `models.softhebb2023` with the preset of STL-10; the classifiers know 5,000
labelled images. The last layer alone has 85 million weights: this takes some 12 GB, and days on two
cores. It has not been run.
"""
