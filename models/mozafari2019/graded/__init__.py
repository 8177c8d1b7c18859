"""The network whose layer that decides has graded weights."""
