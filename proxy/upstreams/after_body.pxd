from proxy.http.request_head cimport RequestHead
from proxy.http.response_head cimport ResponseHead


cpdef bint may_bring_more(RequestHead head, ResponseHead answer, object upstream) except -1
