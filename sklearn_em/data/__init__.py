"""What can be summed over: blocks of rows, the one scan before EM, and who does the summing."""
