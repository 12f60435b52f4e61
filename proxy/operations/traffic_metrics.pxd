cdef class AppTraffic:
    cdef public list by_class
    cdef public long long upstream_failures
    cdef public int until_timed
    cdef public list timed
    cdef public double answer_seconds
