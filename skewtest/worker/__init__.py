"""Worker: the one driving loop and all that it needs, for any interpreter since Python 3.8.

Standard library only. In process it is imported as `skewtest.worker`; in another interpreter,
which knows nothing of skewtest, its folder is loaded as the package `skewtest_worker` (see
`__main__`), so that the names of its modules never hide those of a user.
"""
