package dissect

import "testing"

func TestProxyHeader(t *testing.T) {
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + "\x0a\x00\x00\x01\x0a\x00\x00\x05\x9c\x41\x01\xbb"
	for name, test := range map[string]struct {
		dir           int
		in            string
		version, rest string
		more          bool
	}{
		"version 1":                {fromClient, "PROXY TCP4 10.0.0.1 10.0.0.5 40001 443\r\n\x16\x03\x01", "v1", "\x16\x03\x01", false},
		"version 1 alone":          {fromClient, "PROXY UNKNOWN\r\n", "v1", "", false},
		"version 1, damaged":       {fromClient, "PROXY TCP4 x\r\nGET", "v1", "GET", false},
		"version 2":                {fromClient, v2 + "GET / HTTP/1.1", "v2", "GET / HTTP/1.1", false},
		"version 2, cut":           {fromClient, v2[:20], "", v2[:20], true},
		"version 1, no end":        {fromClient, "PROXY TCP4 10.0.0.1", "", "PROXY TCP4 10.0.0.1", true},
		"from the server":          {fromServer, "PROXY UNKNOWN\r\n", "", "PROXY UNKNOWN\r\n", false},
		"a method of that name":    {fromClient, "PROXYFIND / HTTP/1.1\r\n", "", "PROXYFIND / HTTP/1.1\r\n", false},
		"an empty line in advance": {fromClient, "\r\n\r\nGET / HTTP/1.1\r\n", "", "\r\n\r\nGET / HTTP/1.1\r\n", false},
	} {
		e, n, more := proxyHeader(test.dir, []byte(test.in))
		version := ""
		if e != nil {
			version = e.Text
		}
		if version != test.version || test.in[n:] != test.rest || more != test.more {
			t.Errorf("%s: got %q and %q, more %v, want %q and %q", name, version, test.in[n:], more, test.version, test.rest)
		}
	}
}

func TestProtocolOf(t *testing.T) {
	for name, test := range map[string]struct {
		dir  int
		in   string
		want string
	}{
		"a server's SETTINGS before the client's preface": {fromServer, "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x02", protocolHTTP2},
		"as much of them as decides":                      {fromServer, "\x00\x00\x06\x04\x00", protocolHTTP2},
		"an acknowledgement of SETTINGS":                  {fromServer, "\x00\x00\x00\x04\x01\x00\x00\x00\x00", protocolNone},
		"SETTINGS on a stream":                            {fromServer, "\x00\x00\x06\x04\x00\x00\x00\x00\x01", protocolNone},
		"SETTINGS from a client without its preface":      {fromClient, "\x00\x00\x06\x04\x00\x00\x00\x00\x00", protocolNone},
		"a client's preface":                              {fromClient, "PRI * HTTP/2.0\r\n", protocolHTTP2},
		"a ClientHello":                                   {fromClient, "\x16\x03\x01\x02\x00", protocolTLS},
		"a response":                                      {fromServer, "HTTP/1.1 200 OK\r\n", protocolHTTP1},
	} {
		if got := protocolOf(test.dir, []byte(test.in)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
