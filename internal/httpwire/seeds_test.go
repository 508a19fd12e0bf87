package httpwire

var regularRequests = []string{
	browserRequest,
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"GET / HTTP/1.3\r\nhOST:a:443\t \r\n\r\n",
	"get /a%20b;x=1?q=100%&y={|}^`\\\" HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a.b-c_d.\r\n\r\n",
	"GET http://a.example:80/x?y HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
	"GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
	"GET ws+x://a.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n",
	"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
	"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
	"POST // HTTP/1.1\r\nHost: 127.0.0.2\r\nContent-Length: 0005\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum, Y\r\nExpect: 100-continue\r\n\r\n",
	"M!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\nX!#$%&'*+-.^_`|~9: \xe4\xff a\tb \x80 : , ; \"\r\nE:\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775799\r\n\r\n",
}

var regularResponses = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 200 \r\n\r\n",
	"HTTP/1.0 999 Odd  \t reason \xfc\r\nA: b\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nHost: is nothing here\r\n\r\n",
	"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n",
}

// irregularRequests come with what is to be listed, in order.
var irregularRequests = []struct {
	raw  string
	want []Irregularity
}{
	{"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{EmptyLineBeforeRequest, 2}}},
	{"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BareLF, 0}}},
	{"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BareCR, 0}}},
	{"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadMethod, 1}}},
	{"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{NULByte, 1}}},
	{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 4}, {BadTarget, 4}}},
	{"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 5}}},
	{"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 3}}},
	{"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 3}}},
	{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 3}}},
	{"GET HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 3}, {BadTarget, 4}}},
	{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadStartLine, 6}}},
	{"GET a HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 4}}},
	{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 4}}},
	{"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 4}}},
	{"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 4}}},
	{"GET 1http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 4}}},
	{"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 8}}},
	{"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadTarget, 8}}},
	{"GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadEscape, 6}}},
	{"GET http://a/%zz?%zz HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BadEscape, 13}}},
	{"GET /\x01\x7f\x00 HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{ControlInTarget, 5}, {ControlInTarget, 6}, {NULByte, 7}}},
	{"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{BareCR, 6}}},
	{"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{NonASCIITarget, 5}, {NonASCIITarget, 6}}},
	{"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", []Irregularity{{FragmentInTarget, 6}}},
	{"GET / HTTP/1.1\nHost: a\r\n\r\n", []Irregularity{{BareLF, 14}}},
	{"GET / HTTP/1.1\r\nHost: a\n\n", []Irregularity{{BareLF, 23}, {BareLF, 24}}},
	{"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", []Irregularity{{BareCR, 23}, {BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n", []Irregularity{{MissingColon, 25}, {BareCR, 25}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", []Irregularity{{BareCR, 29}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nA: b\x00c\x1fd\x7f\r\n\r\n", []Irregularity{{NULByte, 29}, {BadFieldValue, 31}, {BadFieldValue, 33}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", []Irregularity{{ObsFold, 31}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\t\r\n\r\n", []Irregularity{{ObsFold, 31}}},
	{"GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n", []Irregularity{{SpaceBeforeFirstField, 16}}},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", []Irregularity{{SpaceBeforeColon, 20}}},
	{"GET / HTTP/1.1\r\nHost\t\t: a\r\n\r\n", []Irregularity{{SpaceBeforeColon, 20}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n", []Irregularity{{MissingColon, 25}}},
	{"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", []Irregularity{{BadFieldName, 25}}},
	{"GET / HTTP/1.1\r\nHost: a\r\na b: c\r\n\r\n", []Irregularity{{BadFieldName, 26}}},
	{"GET / HTTP/1.1\r\nHost: a\r\na\x00\xff: c\r\n\r\n", []Irregularity{{NULByte, 26}, {BadFieldName, 27}}},
	{"GET / HTTP/1.1\r\n\r\n", []Irregularity{{HostMissing, 16}}},
	{"GET / HTTP/1.1\r\nA: b\r\n\r\n", []Irregularity{{HostMissing, 22}}},
	{"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", []Irregularity{{HostRepeated, 25}}},
	{"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: [::1%25lo]\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: [\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"GET / HTTP/1.1\r\nHost: a%41\r\n\r\n", []Irregularity{{BadHost, 22}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", []Irregularity{{LengthAndChunked, 26}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n", []Irregularity{{BadLength, 70}, {LengthAndChunked, 54}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", []Irregularity{{LengthsDiffer, 61}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n", []Irregularity{{LengthsDiffer, 45}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\n", []Irregularity{{LengthsRepeated, 61}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\n", []Irregularity{{LengthsRepeated, 44}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\ntransfer_ENCODING: chunked\r\n\r\n", []Irregularity{{FramingLookalike, 26}, {FramingLookalike, 45}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", []Irregularity{{BadLength, 41}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", []Irregularity{{BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", []Irregularity{{BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", []Irregularity{{BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n", []Irregularity{{BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", []Irregularity{{BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n 6\r\n\r\n", []Irregularity{{ObsFold, 45}, {BadLength, 42}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", []Irregularity{{UnknownTransferCoding, 45}, {ChunkedNotLast, 26}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", []Irregularity{{UnknownTransferCoding, 45}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", []Irregularity{{ChunkedNotLast, 54}, {UnknownTransferCoding, 54}, {ChunkedNotLast, 26}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", []Irregularity{{ChunkedNotLast, 73}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", []Irregularity{{UnknownTransferCoding, 45}, {ChunkedNotLast, 26}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", []Irregularity{{BadFieldValue, 45}, {UnknownTransferCoding, 45}, {ChunkedNotLast, 26}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", []Irregularity{{UnknownTransferCoding, 44}, {ChunkedNotLast, 26}}},
	{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", []Irregularity{{ChunkedInHTTP10, 17}}},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X, Content-Length\r\n\r\n", []Irregularity{{FramingInTrailer, 66}}},
}

var irregularResponses = []struct {
	raw  string
	want []Irregularity
}{
	{"\r\nHTTP/1.1 200 OK\r\n\r\n", []Irregularity{{EmptyLineBeforeResponse, 0}}},
	{"HTTP/1.1 200\r\n\r\n", []Irregularity{{ReasonSpaceMissing, 12}}},
	{"HTTP/1.1  200 OK\r\n\r\n", []Irregularity{{BadStartLine, 8}}},
	{"HTTP/1.1\t200 OK\r\n\r\n", []Irregularity{{BadStartLine, 8}}},
	{"HTTP/1.1 200 O\x00K\r\n\r\n", []Irregularity{{NULByte, 14}}},
	{"HTTP/1.1 200 O\rK\r\n\r\n", []Irregularity{{BareCR, 14}}},
	{"HTTP/1.1 200 O\x01K\r\n\r\n", []Irregularity{{BadReason, 14}}},
	{"HTTP/1.1 200 OK\nA: b\n\n", []Irregularity{{BareLF, 15}, {BareLF, 20}, {BareLF, 21}}},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", []Irregularity{{LengthAndChunked, 17}}},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", []Irregularity{{UnknownTransferCoding, 36}}},
	{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", []Irregularity{{ChunkedInHTTP10, 17}}},
}

// unreadable bytes allow no reading, and show it before the head is complete
// where early is set.
var unreadableRequests = []struct {
	raw   string
	want  Irregularity
	early bool
}{
	{"\x16\x03\x01\x02\x00\x01", Irregularity{BadMethod, 0}, true},
	{"\r\n GET / HTTP/1.1\r\n\r\n", Irregularity{BadMethod, 2}, true},
	{"GET /\r\n\r\n", Irregularity{BadVersion, 4}, false},
	{"GET\r\n\r\n", Irregularity{BadStartLine, 3}, false},
	{"GET / \r\n\r\n", Irregularity{BadVersion, 4}, false},
	{"GET / http/1.1\r\n\r\n", Irregularity{BadVersion, 6}, false},
	{"GET / HTTP/1.1x\r\n\r\n", Irregularity{BadVersion, 6}, false},
	{"GET / HTTP/1\r\n\r\n", Irregularity{BadVersion, 6}, false},
	{"GET / HTTP/11.1\r\n\r\n", Irregularity{BadVersion, 6}, false},
	{"GET / HTTP/1,1\r\n\r\n", Irregularity{BadVersion, 6}, false},
	{"PRI * HTTP/2.0\r\n\r\n", Irregularity{UnsupportedVersion, 6}, false},
}

var unreadableResponses = []struct {
	raw   string
	want  Irregularity
	early bool
}{
	{"SSH-2.0-x", Irregularity{BadVersion, 0}, true},
	{"HTTQ", Irregularity{BadVersion, 3}, true},
	{"\r\nICY 200 OK\r\n\r\n", Irregularity{BadVersion, 2}, true},
	{"HTTP/2.0 200 OK\r\n\r\n", Irregularity{UnsupportedVersion, 0}, false},
	{"HTTP/1.\r\n\r\n", Irregularity{BadVersion, 0}, false},
	{"HTTP/1.1\r\n\r\n", Irregularity{BadStatus, 8}, false},
	{"HTTP/1.1200 OK\r\n\r\n", Irregularity{BadStatus, 8}, false},
	{"HTTP/1.1 20\r\n\r\n", Irregularity{BadStatus, 9}, false},
	{"HTTP/1.1 099 OK\r\n\r\n", Irregularity{BadStatus, 9}, false},
	{"HTTP/1.1 2000 OK\r\n\r\n", Irregularity{BadStatus, 9}, false},
	{"HTTP/1.1 2x0 OK\r\n\r\n", Irregularity{BadStatus, 9}, false},
}
