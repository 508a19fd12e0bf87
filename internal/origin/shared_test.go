package origin

import (
	"strings"
	"testing"

	"fanlight/internal/httpconn"
	"fanlight/internal/testnet"
)

// TestEndedBeforeItsFirstExchange checks that a new HTTP/2 connection which has
// ended already fails its exchange with the reason, and is no call for another
// connection, on which the origin would do the same.
func TestEndedBeforeItsFirstExchange(t *testing.T) {
	peer := testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, Open: true}.Start(t)
	o := to(t, peer, func(o *Options) { o.HTTP = HTTP2 })
	c, err := o.dial(t.Context(), "a.test", 0, Ends{}, true)
	if err != nil {
		t.Fatal(err)
	}
	<-c.h2.Ended() // the preface is a request to the peer
	l := c.alone()
	if l == nil {
		t.Fatal("no stream, and so no reason")
	}
	b := l.Head(l.Start(nil, &httpconn.Out{ID: 1, Method: "GET", Scheme: "http", Host: "a.test", Target: "/"}))
	again, err := l.Send(b, nil, true)
	if again || err == nil {
		t.Fatalf("send: %v, another connection is wanted: %v", err, again)
	}
	_, err = l.ReadHead()
	if f := l.Fail(PhaseFirstByte, err); !strings.Contains(f.Error(), "what the origin says first is not HTTP/2; set `http: \"1.1\"`") || f.Dead {
		t.Errorf("got %q, dead %v", f, f.Dead)
	}
}
