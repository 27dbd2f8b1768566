"""Mail goes in and out through the programs that people use, byte for byte."""
