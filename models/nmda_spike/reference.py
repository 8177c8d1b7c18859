"""
The same equations, integrated by an independent program in numpy (Euler, steps of 0.05 ms).

Peaks in mV of the branch from 10 ms after the volley on, durations above -50 mV in ms, somatic
peaks in mV; with NMDA receptors blocked the branch's peak again.
"""

INPUTS = (4, 6, 8, 9, 10, 12, 16, 20, 30, 40, 60)
PEAK = (6.4, 11.3, 19.0, 24.7, 30.9, 37.8, 43.1, 45.9, 46.4, 48.9, 52.8)
DURATION = (0, 0, 0, 34, 50, 68, 91, 109, 141, 164, 200)
SOMA = (0.9, 1.6, 2.7, 3.5, 4.3, 5.2, 5.9, 6.3, 6.9, 7.3, 7.8)
PEAK_BLOCKED = (1.3, 1.9, 2.5, 2.8, 3.1, 3.7, 4.8, 5.9, 8.4, 10.7, 14.6)
#: Of trains with so many volleys at 50 Hz, of 10 and of 6 inputs each
PULSES = (1, 2, 3, 5)
TRAIN_DURATION = {10: (50, 110, 152, 217), 6: (0, 62, 102, 164)}
