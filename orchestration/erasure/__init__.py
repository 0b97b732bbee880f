"""Erasure: somebody who asked to be forgotten is nowhere any more, and stays so.

`identifiers` knows who is erased, by keyed hashes alone; `tables` and `texts` find them in what
lies in files and take them out; `forgetting` goes through the places in the order in which a stop
half-way leaves what a second try needs; `finding` asks each night whether anybody is left. That
nobody erased is loaded again is the business of `landing`.
"""
