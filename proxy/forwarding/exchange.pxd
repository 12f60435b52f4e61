from proxy.forwarding.client_connection cimport ClientConnection
from proxy.forwarding.context cimport Moment
from proxy.forwarding.verdict cimport Forward
from proxy.http.request_head cimport RequestHead
from proxy.http.response_head cimport ResponseHead
from proxy.operations.traffic_metrics cimport AppTraffic
from proxy.upstreams.connection cimport UpstreamConnection
from proxy.upstreams.pool cimport UpstreamPool


cdef class Exchange:
    cdef public RequestHead head
    cdef public object session_id
    cdef public object state
    cdef readonly Forward _forward
    cdef public bytes fields
    cdef ClientConnection _client
    cdef readonly object _context
    cdef Moment _moment
    cdef object _upstream
    cdef UpstreamPool _pool
    cdef AppTraffic _traffic
    cdef public UpstreamConnection connection
    cdef object _upload
    cdef bint _is_last
    cdef ResponseHead _answer_head
    cdef object _answer_body
    cdef bytes _partial_head
    cdef bint _is_held
    cdef public bint is_answered
    cdef int _interims
    cdef double _sent_at
    cdef object _connecting
    cdef object _keeping_on
    cdef object _owner

    cpdef start(self)
    cpdef on_upstream_data(self, bytes data)
    cpdef _begin_answer(self, ResponseHead head, bytes data)
    cpdef _end(self, bint is_doubtful)
    cdef _send_on(self, UpstreamConnection connection)
    cdef _read_answer_head(self, bytes data)
    cdef _pass_answer_body(self, tuple out, object body, bytes data)
