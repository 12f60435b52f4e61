from proxy.forwarding.verdict cimport Forward
from proxy.http.request_head cimport RequestHead


cdef class KnownHead:
    cdef public tuple lines
    cdef public object fields
    cdef public Forward forward
    cdef public object rules
    cdef public tuple cookie
    cdef public object session
    cdef public double renew_at


cdef class HeadMemory:
    cdef dict _blocks
    cdef dict _fields
    cdef dict _shapes
    cdef dict _lines
    cdef RequestHead _head
    cdef KnownHead _known

    cpdef RequestHead recall(self, bytes data)
    cpdef RequestHead read(self, bytes raw)
    cpdef KnownHead of(self, RequestHead head)
    cpdef Forward forward_of(self, RequestHead head, KnownHead known)
